"""The log of a what-if: its own events, in a database of their own, over the real log as it stood at that moment."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import replace
from itertools import islice
from typing import Any

from agentos.clock import Clock, micros
from agentos.events.blobs import Blobs
from agentos.events.log import Decision, Reader
from agentos.events.record import Appended, NewEvent, Record
from agentos.events.sqlite import SQLiteLog
from agentos.tasks.run import stream_of

_HIDDEN = ("platform", "circuit")
"""Streams that a what-if does not see: it is never stopped, and every outside system answers as the record says."""


class Overlay:
    """Implements `Reader`: `base` up to the clock's now, without what the what-if's own tasks did in truth, and then
    `own`, whose numbers go on after `offset`."""

    def __init__(self, base: Reader, own: Reader, tasks: frozenset[str], offset: int, clock: Clock) -> None:
        self._base, self._own, self._tasks, self._offset, self._clock = base, own, tasks, offset, clock
        self._streams = frozenset(stream_of(task) for task in tasks) | frozenset(_HIDDEN)

    def _visible(self, record: Record) -> bool:
        if record.stream in self._streams or record.correlation in self._tasks:
            return False
        return record.seq <= self._offset and record.at_micros <= micros(self._clock.now())

    def shifted(self, record: Record) -> Record:
        return replace(record, seq=record.seq + self._offset)

    def head(self) -> tuple[int, bytes]:
        seq, hash = self._own.head()
        return seq + self._offset, hash

    def read(self, after: int = 0, *, limit: int | None = None, **filters: Any) -> Iterator[Record]:
        return islice(self._all(after, **filters), limit)

    def _all(self, after: int, **filters: Any) -> Iterator[Record]:
        if after < self._offset and filters.get("stream") not in self._streams:
            yield from (one for one in self._base.read(after, **filters) if self._visible(one))
        for record in self._own.read(max(0, after - self._offset), **filters):
            yield self.shifted(record)

    def last(self, *, stream: str | None = None, types: Sequence[str] = ()) -> Record | None:
        newest = self._own.last(stream=stream, types=types)
        if newest is not None:
            return self.shifted(newest)
        if stream in self._streams:
            return None
        found = self._base.last(stream=stream, types=types)
        if found is None or self._visible(found):
            return found
        seen = [one for one in self._base.read(stream=stream, types=types) if self._visible(one)]
        return seen[-1] if seen else None

    def by_key(self, key: str) -> Record | None:
        return self._either(self._own.by_key(key), self._base.by_key(key))

    def by_id(self, id: str) -> Record | None:
        return self._either(self._own.by_id(id), self._base.by_id(id))

    def _either(self, own: Record | None, base: Record | None) -> Record | None:
        if own is not None:
            return self.shifted(own)
        return base if base is not None and self._visible(base) else None


class WhatIfLog(Overlay):
    """Implements `EventLog`. What is appended goes into `own`; `base` is only read."""

    def __init__(self, base: Reader, own: SQLiteLog, tasks: frozenset[str], clock: Clock) -> None:
        super().__init__(base, own, tasks, base.head()[0], clock)
        self._log = own

    def submit(self, what: NewEvent | Sequence[NewEvent] | Decision) -> Future[Appended]:
        return self._log.submit(self._laid_over(what))

    def append(self, what: NewEvent | Sequence[NewEvent] | Decision) -> Appended:
        return self._renumbered(self._log.append(self._laid_over(what)))

    async def record(self, what: NewEvent | Sequence[NewEvent] | Decision) -> Appended:
        return self._renumbered(await self._log.record(self._laid_over(what)))

    def tail(self, after: int, *, patience: float | None = None) -> AsyncIterator[Record]:
        raise NotImplementedError("nobody follows a what-if")

    def close(self) -> None:
        self._log.close()

    def _laid_over(self, what: NewEvent | Sequence[NewEvent] | Decision) -> NewEvent | Sequence[NewEvent] | Decision:
        """A decision sees, inside its transaction, what everybody here sees."""
        if not callable(what):
            return what
        return lambda reader: what(Overlay(self._base, reader, self._tasks, self._offset, self._clock))

    def _renumbered(self, written: Appended) -> Appended:
        return Appended((self.shifted(one) for one in written), since=written.since + self._offset)


class WhatIfBlobs(Blobs):
    """Reads the blobs there are; what is new goes into the what-if's own folder."""

    def __init__(self, own: Blobs, base: Blobs) -> None:
        super().__init__(own.folder, own.sealer)
        self._base_blobs = base

    def get(self, name: str, subject: str | None = None) -> bytes | None:
        return super().get(name, subject) if self.path(name).exists() else self._base_blobs.get(name, subject)
