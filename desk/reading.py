"""What the terminal reads from the log. Plain folds, so that `status` and `desk` stay quick; nothing here writes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, tzinfo
from decimal import Decimal
from typing import Any

from agentos.clock import micros
from agentos.events.record import Record
from agentos.platform import RESTORED, SWITCHES, Store, stop_reason
from agentos.reconcile.state import TYPES as DRIFTS
from agentos.reconcile.state import DriftState
from agentos.reconcile.state import fold as fold_drifts
from agentos.tasks.state import CardState, TaskState, fold
from agentos.tasks.values import unpack
from agentos.views.overview import overview

Json = dict[str, Any]


def task_state(store: Store, task: str) -> TaskState:
    return fold(task, store.log.read(stream=f"task/{task}"))


def open_tasks(store: Store) -> Iterator[TaskState]:
    """Every task that is not closed, in the order they were opened."""
    for stream in overview(store).open:
        yield task_state(store, stream.removeprefix("task/"))


def closed_counts(store: Store) -> dict[str, int]:
    """completed, failed, cancelled -> how many tasks."""
    return overview(store).closed


def waiting_cards(store: Store) -> list[tuple[TaskState, CardState]]:
    """Open cards, oldest first: of tasks that go on, and notices of failed ones that nobody has seen yet."""
    states = [*open_tasks(store), *_unseen_failures(store)]
    found = [(state, card) for state in states for card in state.open_cards()]
    return sorted(found, key=lambda pair: pair[1].at)


def _unseen_failures(store: Store) -> Iterator[TaskState]:
    for stream in overview(store).notices.values():
        yield task_state(store, stream.removeprefix("task/"))


def spent_since(store: Store, since: datetime) -> list[Json]:
    """What models cost since then, settled and still reserved, as [{"amount", "currency"}]."""
    reserved: dict[str, Json | None] = {}
    totals: dict[str, Decimal] = {}
    types = ("model.reserved", "model.settled")
    for record in store.log.read(types=types, since_micros=micros(since)):
        call = f"{record.stream}/{record.data['step']}/{record.data['call']}"
        if record.type == "model.reserved":
            reserved[call] = record.data["cost"]
        else:
            reserved.pop(call, None)
            _add(totals, record.data["cost"])
    for cost in reserved.values():
        _add(totals, cost)
    return [{"amount": str(amount), "currency": currency} for currency, amount in sorted(totals.items())]


def _add(totals: dict[str, Decimal], cost: Json | None) -> None:
    if cost is not None:
        totals[cost["currency"]] = totals.get(cost["currency"], Decimal(0)) + Decimal(cost["amount"])


def open_drifts(store: Store) -> list[DriftState]:
    """What differed outside when somebody last looked, oldest first."""
    return fold_drifts(store.log.read(types=DRIFTS)).open()


def midnight(now: datetime, zone: tzinfo) -> datetime:
    return now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)


def stopped_because(store: Store) -> str | None:
    """Why the platform is stopped; None when it is not."""
    said = stop_reason(store.stop_file)
    last = store.log.last(stream="platform", types=SWITCHES)
    if last is not None and last.type == "platform.restored":
        return RESTORED.rstrip(".")
    if last is not None and last.type == "platform.stopped":
        return said or str(last.data.get("why") or "no reason given")
    return (said or "the file state/STOPPED is there") if store.stop_file.exists() else None


def goal_of(store: Store, state: TaskState) -> str:
    """What the task is about, in one line: its plan's goal, else the operator's own words."""
    goal = (state.understanding or {}).get("goal")
    return str(goal) if goal else intent_text(store, state) or "(no text)"


def intent_text(store: Store, state: TaskState) -> str:
    record = store.log.by_key(f"intent/{state.intent}")
    if record is None or record.forgotten:
        return ""
    if record.data["blob"]:
        stored = store.blobs.get(record.data["blob"], record.subject)
        return "" if stored is None else stored.decode("utf-8", "replace")
    return str(record.data["text"] or "")


# -- what a card is about


@dataclass(frozen=True)
class Earlier:
    """What to compare an effect with: `label` says what it is, `title` its title, `payload` its content."""

    label: str
    title: str
    payload: Json
    at: datetime
    amounts: Json | None = None
    same_card: bool = False


def payload_of(store: Store, state: TaskState, card: CardState, effect: Json) -> Json | None:
    """What exactly would be done; None when the client was forgotten."""
    packed = (card.data["body"].get("payloads") or {}).get(effect["key"])
    value = unpack(packed, store.blobs, state.subject)
    return value if isinstance(value, dict) else None


def earlier_of(store: Store, state: TaskState, card: CardState, effect: Json) -> Earlier | None:
    """The same effect on the card before this one, else the last one of its kind that was done for the same client."""
    before = [one for one in state.cards.values() if one.at < card.at or one.id < card.id]
    for old in sorted(before, key=lambda one: (one.at, one.id), reverse=True):
        for known in old.data["effects"]:
            if known["slot"] == effect["slot"] and known["system"] == effect["system"]:
                payload = payload_of(store, state, old, known)
                if payload is not None:
                    return Earlier("the card before this one", known["title"], payload, old.at, known["amounts"], True)
    return _last_done(store, effect)


def _last_done(store: Store, effect: Json) -> Earlier | None:
    newest: Record | None = None
    for record in store.log.read(types=("effect.started",)):
        if record.forgotten or record.data["effect"] == effect["key"]:
            continue
        data = record.data
        same = (data["system"], data["verb"], record.subject) == (effect["system"], effect["verb"], effect["subject"])
        if (same or _same_kind(data, effect)) and is_done(store, data["effect"]):
            newest = record
    if newest is None:
        return None
    payload = unpack(newest.data["payload"], store.blobs, newest.subject)
    if not isinstance(payload, dict):
        return None
    return Earlier("the last one", newest.data["title"], payload, newest.at, newest.data["amounts"])


def _same_kind(data: Json, effect: Json) -> bool:
    """A post belongs to nobody, but is sealed for its task's client: any earlier one is like it."""
    return effect["subject"] is None and (data["system"], data["verb"]) == (effect["system"], effect["verb"])


def mark_undone(store: Store, state: TaskState) -> TaskState:
    """A task's own events don't tell that a later task took its effects back; the log does."""
    for key, effect in state.effects.items():
        if effect.undone_by is None and store.log.by_key(f"effect.done/{key}/undo") is not None:
            effect.undone_by = f"{key}/undo"
    return state


def is_done(store: Store, key: str) -> bool:
    """Done, and not undone since."""
    log = store.log
    return log.by_key(f"effect.done/{key}") is not None and log.by_key(f"effect.done/{key}/undo") is None
