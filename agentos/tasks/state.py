"""A task's state is a fold over its stream: `for record in records: apply(state, record)`.

Everything the coordinator, the cards and the terminal know of a task comes from here. Plain data, no pydantic: reading
must be quick. What a forgotten client's events held reads as absent.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from agentos.events.record import Record

Json = dict[str, Any]

CLOSED = ("completed", "failed", "cancelled")


@dataclass
class StepState:
    round: int = 1
    attempt: int = 0
    status: str = "new"
    """new | started | completed | failed (for good) | waiting (retry_at)"""
    agent: str = ""
    agent_version: str = ""
    tier: str = ""
    now: str = ""
    seed: str = ""
    output: Json | None = None
    confidence: float | None = None
    labels: Json = field(default_factory=dict)
    reasons: list[str] = field(default_factory=list)
    code: str = ""
    retry_at: datetime | None = None
    feedback: list[str] = field(default_factory=list)
    answers: dict[str, str] = field(default_factory=dict)
    patch: Json = field(default_factory=dict)


@dataclass
class CardState:
    id: str
    kind: str
    step: str
    title: str
    data: Json
    at: datetime
    status: str = "open"
    """open | granted | denied | answered | edited | expired | superseded | withdrawn"""
    struck: list[str] = field(default_factory=list)
    granted: dict[str, str] = field(default_factory=dict)
    """effect key -> digest"""
    decided_at: datetime | None = None
    why: str = ""
    answer: str = ""

    @property
    def expires_at(self) -> datetime | None:
        value = self.data.get("expires_at")
        return datetime.fromisoformat(value) if value else None


@dataclass
class EffectState:
    key: str
    data: Json
    seq: int
    status: str = "started"
    """started | done | failed | waiting (retry_at) | in_doubt"""
    attempt: int = 1
    receipt: Json | None = None
    why: str = ""
    code: str = ""
    retry_at: datetime | None = None
    undone_by: str | None = None
    elsewhere: bool = False
    """Another task began it, and that task still goes on."""

    @property
    def is_done(self) -> bool:
        return self.status == "done"


@dataclass
class TaskState:
    id: str
    intent: str = ""
    trigger: str = ""
    subject: str | None = None
    rehearsal: bool = False
    by: datetime | None = None
    budget: Json | None = None
    opened_at: datetime | None = None
    closed_at: datetime | None = None
    status: str = "open"
    """open | planned | parked | unwinding | completed | failed | cancelled"""
    understanding: Json | None = None
    plan: Json | None = None
    estimate: Json | None = None
    steps: dict[str, StepState] = field(default_factory=dict)
    cards: dict[str, CardState] = field(default_factory=dict)
    effects: dict[str, EffectState] = field(default_factory=dict)
    parked: list[Json] = field(default_factory=list)
    spent: dict[str, Decimal] = field(default_factory=dict)
    """currency -> amount, settled and reserved."""
    tokens: int = 0
    model_calls: int = 0
    reservations: dict[str, Json] = field(default_factory=dict)
    failing: str = ""
    """Why the task is being unwound; empty while it is not."""
    summary: str = ""
    seq: int = 0

    @property
    def closed(self) -> bool:
        return self.status in CLOSED

    @property
    def tier_is_chosen(self) -> bool:
        """Whether the task's knobs, not its agents, say which tier its models are of."""
        return bool((self.estimate or {}).get("tier"))

    def step(self, id: str) -> StepState:
        found = self.steps.get(id)
        if found is None:
            found = self.steps[id] = StepState()
        return found

    def open_cards(self) -> list[CardState]:
        return [card for card in self.cards.values() if card.status == "open"]

    def card_for(self, step: str, kind: str) -> CardState | None:
        """The newest card of this kind for this step."""
        found = [card for card in self.cards.values() if card.step == step and card.kind == kind]
        return found[-1] if found else None

    def card_about(self, kind: str, effect: str) -> CardState | None:
        """The newest card of this kind about this effect."""
        found = [c for c in self.cards.values() if c.kind == kind and c.data["body"].get("effect") == effect]
        return found[-1] if found else None


def fold(id: str, records: list[Record] | Any) -> TaskState:
    state = TaskState(id)
    for record in records:
        apply(state, record)
    return state


def apply(state: TaskState, record: Record) -> None:
    """Apply one event of the task's stream. Unknown types only move the cursor: an older program reads a newer log."""
    state.subject = record.subject or state.subject
    handler = _HANDLERS.get(record.type)
    if handler is not None and not record.forgotten:
        handler(state, record, record.data)
    state.seq = record.seq


def _opened(state: TaskState, record: Record, data: Json) -> None:
    state.intent, state.trigger, state.rehearsal = data["intent"], data["trigger"], data["rehearsal"]
    state.by, state.budget = _time(data["by"]), data["budget"]
    state.opened_at = record.at


def _planned(state: TaskState, record: Record, data: Json) -> None:
    state.understanding, state.plan, state.estimate = data["understanding"], data["plan"], data["estimate"]
    state.status, state.parked = "planned", []


def _parked(state: TaskState, record: Record, data: Json) -> None:
    state.parked = data["why"]
    if not state.closed:
        state.status = "parked"


def _resumed(state: TaskState, record: Record, data: Json) -> None:
    state.parked = []
    if not state.closed:
        state.status = "planned" if state.plan else "open"


def _completed(state: TaskState, record: Record, data: Json) -> None:
    state.status, state.summary, state.closed_at, state.parked = "completed", data["summary"], record.at, []


def _failed(state: TaskState, record: Record, data: Json) -> None:
    state.status, state.summary, state.closed_at, state.parked = "failed", data["why"], record.at, []


def _cancelled(state: TaskState, record: Record, data: Json) -> None:
    state.status, state.summary, state.closed_at, state.parked = "cancelled", data["why"], record.at, []


def _step_started(state: TaskState, record: Record, data: Json) -> None:
    if _is_past(state, data):
        return
    step = state.step(data["step"])
    step.status, step.attempt, step.retry_at = "started", data["attempt"], None
    step.agent, step.agent_version, step.tier = data["agent"], data["agent_version"], data["tier"]
    step.now, step.seed = data["now"], data["seed"]


def _is_past(state: TaskState, data: Json) -> bool:
    """What a worker still recorded of a round that an edit or a redo had ended: true, and of no effect."""
    return bool(data["round"] < state.step(data["step"]).round)


def _step_completed(state: TaskState, record: Record, data: Json) -> None:
    if _is_past(state, data):
        return
    step = state.step(data["step"])
    step.status, step.output, step.confidence, step.labels = (
        "completed",
        data["output"],
        data["confidence"],
        data["labels"],
    )
    step.reasons = []


def _step_failed(state: TaskState, record: Record, data: Json) -> None:
    if _is_past(state, data):
        return
    step = state.step(data["step"])
    step.reasons, step.code, step.confidence = data["reasons"], data["code"], data.get("confidence")
    if data["kind"] == "transient":
        step.status, step.retry_at = "waiting", _time(data["retry_at"])
    elif data["redo"]:
        _send_back(state, data["redo"], data["reasons"])
    else:
        step.status = "failed"


def _send_back(state: TaskState, to: str, reasons: list[str]) -> None:
    """The step `to` and everything that rests on it begin a new round; `to` is told why."""
    for id in downstream(state.plan or {"steps": []}, to):
        old = state.step(id)
        state.steps[id] = StepState(round=old.round + 1, answers=old.answers, patch=old.patch)
    state.step(to).feedback = reasons


def downstream(plan: Json, id: str) -> list[str]:
    found = [id]
    for step in plan["steps"]:
        if set(step["needs"]) & set(found):
            found.append(step["id"])
    return found


def _model_reserved(state: TaskState, record: Record, data: Json) -> None:
    state.reservations[data["call"]] = data
    _spend(state, data["cost"], 1)
    state.tokens += data["tokens"]


def _model_called(state: TaskState, record: Record, data: Json) -> None:
    state.model_calls += 1


def _model_settled(state: TaskState, record: Record, data: Json) -> None:
    reserved = state.reservations.pop(data["call"], None)
    if reserved is not None:
        _spend(state, reserved["cost"], -1)
        state.tokens -= reserved["tokens"]
    _spend(state, data["cost"], 1)
    state.tokens += data["tokens"]


def _spend(state: TaskState, cost: Json | None, sign: int) -> None:
    if cost is not None:
        old = state.spent.get(cost["currency"], Decimal(0))
        state.spent[cost["currency"]] = old + sign * Decimal(cost["amount"])


def _requested(state: TaskState, record: Record, data: Json) -> None:
    state.cards[data["card"]] = CardState(data["card"], data["kind"], data["step"], data["title"], data, record.at)


def _decided(status: str) -> Any:
    def handler(state: TaskState, record: Record, data: Json) -> None:
        card = state.cards.get(data["card"])
        if card is not None:
            card.status, card.decided_at = status, record.at
            card.why = data.get("reason") or data.get("why") or ""

    return handler


def _granted(state: TaskState, record: Record, data: Json) -> None:
    _decided("granted")(state, record, data)
    card = state.cards.get(data["card"])
    if card is not None:
        card.granted = {effect["key"]: effect["digest"] for effect in data["effects"]}
        card.struck = list(data["struck"])


def _answered(state: TaskState, record: Record, data: Json) -> None:
    _decided("answered")(state, record, data)
    card = state.cards.get(data["card"])
    if card is not None:
        card.answer = data["answer"]
        state.step(card.step).answers[data["slot"]] = data["answer"]
        if card.kind == "failure":
            _take_up_failed(state, card, data["answer"])


def _take_up_failed(state: TaskState, card: CardState, answer: str) -> None:
    step = state.step(card.step)
    if answer == "retry" and step.status == "failed":
        state.steps[card.step] = StepState(round=step.round + 1, answers=step.answers, patch=step.patch)


def _edited(state: TaskState, record: Record, data: Json) -> None:
    _decided("edited")(state, record, data)
    for id in downstream(state.plan or {"steps": []}, data["step"])[1:]:
        old = state.step(id)
        state.steps[id] = StepState(round=old.round + 1, answers=old.answers, patch=old.patch)
    state.step(data["step"]).patch |= data["patch"]


def _effect_started(state: TaskState, record: Record, data: Json) -> None:
    known = state.effects.get(data["effect"])
    effect = EffectState(data["effect"], data, record.seq, attempt=data["attempt"])
    if known is not None:
        known.status, known.attempt, known.retry_at = "started", data["attempt"], None
        known.data, known.seq = data, record.seq
    else:
        state.effects[data["effect"]] = effect


def _effect_done(state: TaskState, record: Record, data: Json) -> None:
    effect = state.effects.get(data["effect"])
    if effect is None:
        return
    effect.status, effect.receipt = "done", data["receipt"]
    undoes = effect.data.get("undoes")
    if undoes and undoes in state.effects:
        state.effects[undoes].undone_by = effect.key


def _effect_failed(state: TaskState, record: Record, data: Json) -> None:
    effect = state.effects.get(data["effect"])
    if effect is not None and not effect.is_done:
        effect.status = "waiting" if data["kind"] == "transient" else "failed"
        effect.why, effect.code, effect.retry_at = data["why"], data["code"], _time(data["retry_at"])


def _effect_in_doubt(state: TaskState, record: Record, data: Json) -> None:
    effect = state.effects.get(data["effect"])
    if effect is not None and not effect.is_done:
        effect.status, effect.why = "in_doubt", data["why"]


def _time(value: str | None) -> datetime | None:
    return datetime.fromisoformat(value) if value else None


_HANDLERS: dict[str, Any] = {
    "task.opened": _opened,
    "task.planned": _planned,
    "task.parked": _parked,
    "task.resumed": _resumed,
    "task.completed": _completed,
    "task.failed": _failed,
    "task.cancelled": _cancelled,
    "step.started": _step_started,
    "step.completed": _step_completed,
    "step.failed": _step_failed,
    "model.reserved": _model_reserved,
    "model.called": _model_called,
    "model.settled": _model_settled,
    "approval.requested": _requested,
    "approval.granted": _granted,
    "approval.denied": _decided("denied"),
    "approval.answered": _answered,
    "approval.edited": _edited,
    "approval.expired": _decided("expired"),
    "approval.superseded": _decided("superseded"),
    "approval.withdrawn": _decided("withdrawn"),
    "effect.started": _effect_started,
    "effect.done": _effect_done,
    "effect.found": _effect_done,
    "effect.failed": _effect_failed,
    "effect.in_doubt": _effect_in_doubt,
}
