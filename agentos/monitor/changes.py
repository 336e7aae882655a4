"""What one look changes in the record, decided inside its transaction: two monitors that race tell a thing once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import groupby

import orjson

from agentos.errors import Refused
from agentos.events.log import Reader
from agentos.events.record import NewEvent
from agentos.events.types import (
    ApprovalWithdrawn,
    FindingClosed,
    FindingOpened,
    IntentReceived,
    TaskCancelled,
    TaskOpened,
)
from agentos.ids import uuid7
from agentos.monitor.findings import TRIGGER, Finding
from agentos.monitor.state import TYPES, Findings, Known, fold, stream_of
from agentos.tasks.reservations import settled_in_full
from agentos.tasks.run import stream_of as task_stream
from agentos.tasks.state import fold as fold_task

ACTOR = "monitor"
OVER = "it is over by itself"
QUIET = timedelta(hours=24)
"""What comes and goes is told once in this time."""


class Moved(Refused):
    """Another monitor recorded something that these frames don't know yet: look again."""

    code = "monitor.moved"


class Changes:
    """`opened` (fingerprint -> task), `over` and `waits` (fingerprints) are known once `decide` has run.

    seq: the event up to which the findings were looked for. most: tasks of the monitor that may be open.
    """

    def __init__(self, found: Sequence[Finding], seq: int, now: datetime, most: int) -> None:
        self._found, self._seq, self._now, self._most = found, seq, now, most
        self.opened: dict[str, str] = {}
        self.known: dict[str, str] = {}
        self.over: list[str] = []
        self.waits: list[str] = []

    def decide(self, reader: Reader) -> list[NewEvent]:
        """Raises Moved."""
        self.opened, self.known, self.over, self.waits = {}, {}, [], []
        state = fold(reader.read(types=TYPES))
        if state.seq > self._seq:
            raise Moved("another monitor has recorded something meanwhile")
        closed = self._closed(state)
        tasks = sorted({one.task for one in state.known.values()})
        waiting = {task for task in tasks if reader.by_key(f"task.closed/{task}") is None}
        over = waiting - {one.task for one in state.open()}
        ends = [event for task in sorted(over) for event in _ended(task, reader)]
        return [*closed, *ends, *self._openings(state, waiting - over)]

    def _closed(self, state: Findings) -> list[NewEvent]:
        present = {one.fingerprint for one in self._found}
        events = []
        for one in state.open():
            if one.fingerprint in present:
                self.known[one.fingerprint] = one.task
                continue
            one.open = False
            self.over.append(one.fingerprint)
            fact = FindingClosed(fingerprint=one.fingerprint, kind=one.kind)
            key = f"finding.closed/{one.fingerprint}/{one.nth}"
            events.append(fact.on(stream_of(one.fingerprint), key=key, actor=ACTOR))
        return events

    def _openings(self, state: Findings, waiting: set[str]) -> list[NewEvent]:
        """One task for all new findings of a kind, and none while one of that kind waits for the operator."""
        busy = {one.kind for one in state.known.values() if one.task in waiting}
        room = self._most - len(waiting)
        events: list[NewEvent] = []
        new = [one for one in self._found if one.fingerprint not in self.known]
        for kind, group in groupby(new, key=lambda one: one.kind):
            ready = [one for one in group if self._may_be_told(state.known.get(one.fingerprint))]
            if ready and kind not in busy and room > 0:
                room -= 1
                events += self._opening(ready, state)
        self.waits = [one.fingerprint for one in new if one.fingerprint not in self.opened]
        return events

    def _may_be_told(self, before: Known | None) -> bool:
        return before is None or self._now - before.at >= QUIET

    def _opening(self, group: Sequence[Finding], state: Findings) -> list[NewEvent]:
        """The findings and the task that tells them, in one append: killed here, there is neither."""
        stamp = int(self._now.timestamp() * 1000)
        intent, task = uuid7(stamp), uuid7(stamp)
        text = orjson.dumps({"kind": group[0].kind, "findings": [one.as_json() for one in group]}).decode()
        received = IntentReceived(intent=intent, channel=TRIGGER, author=ACTOR, text=text)
        opened = TaskOpened(task=task, intent=intent, trigger=TRIGGER)
        events = [
            received.on(f"intent/{intent}", key=f"intent/{intent}", actor=ACTOR),
            opened.on(task_stream(task), key=f"task/{task}", actor=ACTOR, correlation=task),
        ]
        for one in group:
            before = state.known.get(one.fingerprint)
            nth = before.nth + 1 if before is not None else 1
            fact = FindingOpened(
                fingerprint=one.fingerprint, kind=one.kind, task=task, severity=one.severity, seen=one.seen,
                limit=one.limit, since=one.since, seqs=list(one.seqs),
            )  # fmt: skip
            key = f"finding/{one.fingerprint}/{nth}"
            events.append(fact.on(stream_of(one.fingerprint), key=key, actor=ACTOR))
            self.opened[one.fingerprint] = task
        return events


def _ended(id: str, reader: Reader) -> list[NewEvent]:
    """A task of which everything is over: nobody has to say that she has seen it."""
    stream = task_stream(id)
    task = fold_task(id, reader.read(stream=stream))
    cancelled = TaskCancelled(why=OVER).on(stream, key=f"task.closed/{task.id}", actor=ACTOR, correlation=task.id)
    withdrawn = [
        ApprovalWithdrawn(card=card.id, why=OVER).on(
            stream, key=f"approval.withdrawn/{card.id}", actor=ACTOR, correlation=task.id
        )
        for card in task.open_cards()
    ]
    return [*settled_in_full(task), cancelled, *withdrawn]
