"""Drifts that end otherwise than with their repair: mended outside, let stand after a notice, or left behind by a task
that ended in an unusual way."""

from __future__ import annotations

from collections.abc import Iterator

from agentos.errors import Conflict
from agentos.events.log import Reader
from agentos.events.record import NewEvent
from agentos.events.types import ApprovalWithdrawn, TaskCancelled
from agentos.platform import Platform
from agentos.reconcile.closing import KEEP, closed, drift_end
from agentos.reconcile.notice import key_of
from agentos.reconcile.state import TYPES, Drifts, DriftState, Repair, fold
from agentos.tasks.reservations import settled_in_full
from agentos.tasks.run import stream_of
from agentos.tasks.state import TaskState
from agentos.tasks.state import fold as fold_task

ACTOR = "reconcile"
"""Who speaks in these events: the outside world, seen by an observer. A replay takes them as they stand."""
GONE = "it agrees again"


def settle(platform: Platform) -> None:
    """Close repairs whose task is closed, and drifts that she lets stand after their notice."""

    def on(reader: Reader) -> list[NewEvent]:
        drifts = fold(reader.read(types=TYPES))
        return [*_orphans(platform, reader, drifts), *_kept(platform, reader, drifts)]

    try:
        platform.log.append(on)
    except Conflict:
        return  # another observer has done so


def gone_by_itself(reader: Reader, state: DriftState, repair: Repair | None) -> list[NewEvent]:
    """The end of a drift that is seen no more, of its repair and of the repair's task; nothing where that task is at
    work, or has done it and closes next."""
    if repair is None or not repair.open:
        return drift_end(reader, state.fingerprint, "gone", GONE, actor=ACTOR, subject=state.subject)
    task = fold_task(repair.task, reader.read(stream=stream_of(repair.task)))
    if task.effects or task.closed:
        return []
    return [*_cancelled(task), *closed(reader, task, "gone", GONE, actor=ACTOR)]


def _cancelled(task: TaskState) -> list[NewEvent]:
    stream, of = stream_of(task.id), task.subject
    cancelled = TaskCancelled(why=GONE).on(
        stream, key=f"task.closed/{task.id}", actor=ACTOR, subject=of, correlation=task.id
    )
    withdrawn = [
        ApprovalWithdrawn(card=card.id, why=GONE).on(
            stream, key=f"approval.withdrawn/{card.id}", actor=ACTOR, subject=of, correlation=task.id
        )
        for card in task.open_cards()
    ]
    return [*settled_in_full(task), cancelled, *withdrawn]


def is_forgotten(platform: Platform, subject: str | None) -> bool:
    """Of a client who was forgotten nothing more is recorded."""
    return subject is not None and platform.store.sealer.keys.get_or_make(subject) is None


def _orphans(platform: Platform, reader: Reader, drifts: Drifts) -> Iterator[NewEvent]:
    """A task ends together with its repair; a client's forgetting and a restore close tasks in their own way."""
    for fingerprint, repair in drifts.repairs.items():
        if repair.open and reader.by_key(f"task.closed/{repair.task}") is not None:
            task = fold_task(repair.task, reader.read(stream=stream_of(repair.task)))
            known = drifts.known.get(fingerprint)
            sealed = known is None or not is_forgotten(platform, known.subject)
            yield from closed(reader, task, "failed", "its task ended without it", actor=ACTOR, sealed=sealed)


def _kept(platform: Platform, reader: Reader, drifts: Drifts) -> Iterator[NewEvent]:
    for state in drifts.open():
        if not state.escalated or is_forgotten(platform, state.subject):
            continue
        if _answer(reader, state, drifts) == KEEP:
            yield from drift_end(reader, state.fingerprint, "kept", KEEP, actor=ACTOR, subject=state.subject)


def _answer(reader: Reader, state: DriftState, drifts: Drifts) -> str:
    """What she said to its notice; "" where she has not."""
    repair = drifts.repairs.get(state.fingerprint)
    task = repair.task if repair is not None else drifts.repaired.get(state.thing, "")
    told = reader.by_key(key_of(task, state.fingerprint))
    if told is None or told.forgotten:
        return ""
    answered = reader.by_key(f"approval.answered/{told.data['card']}")
    return "" if answered is None or answered.forgotten else str(answered.data["answer"])
