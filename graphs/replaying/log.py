"""The log of a replay: it writes nothing. What the coordinator appends is looked up in the record and compared with it.

An event of the task is visible once it was made again (or was never ours to make: an answer of the operator's, a
model's, a tool's). Events of others are visible as far as the record had come then.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from itertools import islice
from typing import Any

import orjson

from agentos.errors import Conflict, StorageError
from agentos.events.blobs import Blobs
from agentos.events.log import Decision, Reader
from agentos.events.record import Appended, NewEvent, Record
from agentos.tasks.run import CLOSING, stream_of
from graphs.replaying.blobs import ReplayBlobs
from graphs.replaying.compare import first_difference, same_form

_ANSWERS = ("tool.called", "model.reserved", "model.called", "model.missing", "model.settled")
_OPERATOR = (
    "task.opened", "task.cancelled", "approval.granted", "approval.denied", "approval.answered", "approval.edited",
    "approval.withdrawn",
)  # fmt: skip
_LOST = "the worker was lost"


class Over(StorageError):
    """Ends a pass of the replay. A storage error on purpose: no step and no graph takes it for a failure of its own."""

    code = "replay.over"


@dataclass(frozen=True)
class Difference:
    """`seq`: the recorded event that is not made again as it was."""

    seq: int
    text: str
    step: str = ""
    round: int = 0


class ReplayLog:
    """Implements `EventLog` for one task. Used from one thread."""

    def __init__(self, log: Reader, blobs: Blobs, task: str) -> None:
        self._log, self._stream = log, stream_of(task)
        self.blobs = ReplayBlobs(blobs)
        found = {r.seq: r for r in (*log.read(stream=self._stream), *log.read(correlation=task))}
        self.own = [found[seq] for seq in sorted(found)]
        self.made: dict[int, Record] = {}
        """seq -> record, in the order in which they were made again."""
        self.differences: list[Difference] = []
        self.over = False
        self._mine = frozenset(found)
        self._next = 0

    # -- where the replay stands

    @property
    def frontier(self) -> Record | None:
        """The first recorded event that is not made again yet; None when all are."""
        while self._next < len(self.own) and self.own[self._next].seq in self.made:
            self._next += 1
        return self.own[self._next] if self._next < len(self.own) else None

    @property
    def closed(self) -> bool:
        return any(record.type in CLOSING for record in self.made.values())

    def let_in(self) -> None:
        """What the coordinator does not make happens when everything before it has."""
        while (record := self.frontier) is not None and self._from_outside(record):
            self.made[record.seq] = record

    def let_pass(self, record: Record) -> None:
        self.made[record.seq] = record

    def _from_outside(self, record: Record) -> bool:
        if record.type in _ANSWERS:
            return True
        if record.type in ("number.voided", "drift.closed", "repair.closed"):  # by `agentos cancel`; else made again
            return any(made.type == "task.cancelled" for made in self.made.values())
        by_us = record.actor in ("system", "rehearsal") and record.type != "task.opened"
        return record.type in _OPERATOR and not by_us

    def differs(self, text: str, *, at: Record | None = None) -> None:
        seq = at.seq if at is not None else self.own[-1].seq
        step, round = (str(at.data.get("step", "")), int(at.data.get("round", 0))) if at is not None else ("", 0)
        self.differences.append(Difference(seq, text, step, round))

    def stop(self, now: str) -> Over:
        """Something that the record does not hold: a difference, unless the record ends in the middle of the work."""
        frontier = self.frontier
        then = f"recorded {told(frontier.type, frontier.data)}" if frontier is not None else "the record ends here"
        text = f"{then}, now {now}"
        if frontier is not None or self.own[-1].type in ("task.parked", *CLOSING):
            self.differs(text, at=frontier)
        self.over = True
        return Over(text)

    # -- reading

    def visible(self, record: Record) -> bool:
        if record.seq in self._mine:
            return record.seq in self.made
        frontier = self.frontier
        return record.seq < (frontier.seq if frontier is not None else self.own[-1].seq)

    def head(self) -> tuple[int, bytes]:
        newest = max(self.made.values(), key=lambda record: record.seq, default=None)
        return (newest.seq, newest.hash) if newest is not None else (0, bytes(32))

    def read(self, after: int = 0, *, limit: int | None = None, **filters: Any) -> Iterator[Record]:
        return islice((one for one in self._log.read(after, **filters) if self.visible(one)), limit)

    def last(self, *, stream: str | None = None, types: Sequence[str] = ()) -> Record | None:
        newest = self._log.last(stream=stream, types=types)
        if newest is None or self.visible(newest):
            return newest
        return next(iter(reversed(list(self.read(stream=stream, types=types)))), None)

    def by_key(self, key: str) -> Record | None:
        return self._seen(self._log.by_key(key))

    def by_id(self, id: str) -> Record | None:
        return self._seen(self._log.by_id(id))

    def _seen(self, record: Record | None) -> Record | None:
        return record if record is not None and self.visible(record) else None

    # -- "writing"

    def submit(self, what: NewEvent | Sequence[NewEvent] | Decision) -> Future[Appended]:
        future: Future[Appended] = Future()
        try:
            future.set_result(self._append(what))
        except Exception as error:
            future.set_exception(error)
        return future

    def append(self, what: NewEvent | Sequence[NewEvent] | Decision) -> Appended:
        return self._append(what)

    async def record(self, what: NewEvent | Sequence[NewEvent] | Decision) -> Appended:
        return self._append(what)

    def close(self) -> None:
        """Nothing was opened."""

    def _append(self, what: NewEvent | Sequence[NewEvent] | Decision) -> Appended:
        if self.over:
            raise Over("the replay has ended")
        events = [what] if isinstance(what, NewEvent) else what(self) if callable(what) else what
        pairs = [(event, self._recorded(event)) for event in events]
        for event, record in pairs:
            self._compare(event, record)
            self.made[record.seq] = record
        self.let_in()
        if any(record.type == "effect.started" and self.lost_after(record) for _, record in pairs):
            raise Over("the worker was lost here")
        return Appended((record for _, record in pairs), since=sys.maxsize)  # what was made again is to be read

    def _recorded(self, event: NewEvent) -> Record:
        if event.key is None:
            left = (one for one in self.own if one.seq not in self.made and one.stream == event.stream)
            record = next((one for one in left if one.type == event.type), None)
        else:
            record = self._log.by_key(event.key)
            if record is not None and record.seq in self.made:
                raise Conflict("this is made already", code="log.conflict")
        if record is None or record.seq not in self._mine:
            record = self._completed_instead(event)
        if record is None:
            raise self.stop(told(event.type, event.data))
        return record

    def _completed_instead(self, event: NewEvent) -> Record | None:
        """A step that fails now and was completed then differs; the replay goes on with what is recorded."""
        if event.type != "step.failed":
            return None
        about = (event.data["step"], event.data["round"])
        left = (r for r in self.own if r.type == "step.completed" and r.seq not in self.made)
        return next((r for r in left if (r.data["step"], r.data["round"]) == about), None)

    def _compare(self, event: NewEvent, record: Record) -> None:
        if event.type != record.type:
            return self.differs(told(event.type, event.data), at=record)
        said = orjson.loads(orjson.dumps(dict(event.data), default=str))
        now = same_form(event.type, said, self.blobs, record.subject)
        then = same_form(record.type, record.data, self.blobs, record.subject)
        difference = first_difference(then.get("output"), now.get("output")) or first_difference(then, now)
        if difference is not None:
            self.differs(difference.removeprefix("output."), at=record)
        return None

    # -- what the record says became of an effect

    def outcome_of(self, key: str, after: int = 0) -> Record | None:
        """The next recorded event about this effect that was not made again yet."""
        types = ("effect.done", "effect.found", "effect.failed", "effect.in_doubt")
        left = (one for one in self.own if one.seq > after and one.seq not in self.made and one.type in types)
        return next((one for one in left if one.data["effect"] == key), None)

    def lost_after(self, started: Record) -> bool:
        """Whether the worker that began this never told its end: it was killed, and another one found out."""
        end = self.outcome_of(started.data["effect"], started.seq)
        if end is None or end.type == "effect.found":
            return True
        why = str(end.data.get("why", ""))
        return end.type != "effect.done" and why.startswith(_LOST) and f"{_LOST} while it ran, and" not in why


def told(type: str, data: Any) -> str:
    """An event in a few words."""
    for key in ("title", "why", "reasons", "step", "effect"):
        if data.get(key):
            value = data[key]
            return f"{type} ({'; '.join(map(str, value)) if isinstance(value, list) else value})"
    return type
