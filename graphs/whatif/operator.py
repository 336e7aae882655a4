"""The operator in a what-if: she says what she said then wherever the same card still appears.

A card that there was not then counts as one more interruption, and is taken to be approved at once, since what she
would have said is not known; a question that there was not then stays open.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from agentos.tasks.answers import Desk
from agentos.tasks.state import CardState, TaskState
from graphs.whatif.tape import Tape


@dataclass(frozen=True)
class Answer:
    """When, and what is done then. `assumed`: nobody said so."""

    at: datetime
    say: Callable[[Desk], object]
    assumed: bool = False


def answer_to(tape: Tape, truth: TaskState, now: TaskState, card: CardState, at: datetime) -> Answer | None:
    """None: she let it lie then, or it is not known what she would say."""
    then = _partner(truth, now, card)
    if then is None:
        if card.kind in ("effects", "budget"):
            return Answer(at, lambda desk: desk.approve(card.id), assumed=True)
        return None
    say = _said(tape, then, card)
    if say is None or then.decided_at is None:
        return None
    return Answer(max(then.decided_at, at), say)


def gave_up(tape: Tape) -> Answer | None:
    """That she cancelled the task then."""
    record = next((one for one in tape.of("task.cancelled") if one.actor == "operator"), None)
    if record is None or record.forgotten:
        return None
    return Answer(record.at, lambda desk: desk.cancel(tape.task, record.data["why"]))


def _partner(truth: TaskState, now: TaskState, card: CardState) -> CardState | None:
    """The card of then that this one stands for: of the same step and kind, about the same slot, the how-manieth."""
    nth = [one.id for one in _like(now, card)].index(card.id)
    then = _like(truth, card)
    return then[nth] if nth < len(then) else None


def _like(state: TaskState, card: CardState) -> list[CardState]:
    found = [one for one in state.cards.values() if (one.step, one.kind, _slot(one)) == _about(card)]
    return [one for one in found if one.status != "superseded"]


def _about(card: CardState) -> tuple[str, str, str]:
    return card.step, card.kind, _slot(card)


def _slot(card: CardState) -> str:
    return str((card.data["question"] or {}).get("slot", "")) if card.kind == "question" else ""


def _said(tape: Tape, then: CardState, card: CardState) -> Callable[[Desk], object] | None:
    if then.status == "granted":
        struck = [effect["slot"] for effect in card.data["effects"] if effect["key"] in then.struck]
        return lambda desk: desk.approve(card.id, struck)
    if then.status == "denied":
        return lambda desk: desk.deny(card.id, then.why or "denied then")
    if then.status == "answered":
        choices = (card.data["question"] or {}).get("choices") or [then.answer]
        fits = card.kind == "question" or then.answer in choices
        return (lambda desk: desk.answer(card.id, then.answer)) if fits else None
    edit = tape.by_key.get(f"approval.edited/{then.id}")
    if then.status == "edited" and edit is not None:
        return lambda desk: desk.edit(card.id, edit.data["step"], edit.data["patch"])
    return None
