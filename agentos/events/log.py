"""The log as a port: what a caller may rely on, whichever database holds it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import Future
from typing import Protocol

from agentos.events.record import Appended, NewEvent, Record


class Reader(Protocol):
    """Reading, both outside and inside a write transaction. All sequences come in the order of `seq`."""

    def head(self) -> tuple[int, bytes]:
        """(seq, hash) of the last event; (0, 32 zero bytes) when the log is empty."""
        ...

    def read(
        self,
        after: int = 0,
        *,
        stream: str | None = None,
        types: Sequence[str] = (),
        correlation: str | None = None,
        since_micros: int | None = None,
        limit: int | None = None,
    ) -> Iterator[Record]: ...

    def last(self, *, stream: str | None = None, types: Sequence[str] = ()) -> Record | None: ...

    def by_key(self, key: str) -> Record | None: ...

    def by_id(self, id: str) -> Record | None: ...


Decision = Callable[[Reader], Sequence[NewEvent]]
"""Decides, inside the write transaction and on its state, what to append; raises Refused to append nothing.

It must be quick and touch nothing but its Reader: every appender of the process waits for it."""


class EventLog(Reader, Protocol):
    def submit(self, what: NewEvent | Sequence[NewEvent] | Decision) -> Future[Appended]:
        """Queue for the next group commit. The future resolves once the events are durable, all of them or none.

        Raises (through the future) Conflict for a key that exists, Refused from the decision, AgentOSError when the log
        can't be written. One appender's failure never fails its neighbours.
        """
        ...

    def append(self, what: NewEvent | Sequence[NewEvent] | Decision) -> Appended:
        """`submit`, and wait."""
        ...

    async def record(self, what: NewEvent | Sequence[NewEvent] | Decision) -> Appended:
        """`submit`, and await."""
        ...

    def tail(self, after: int, *, patience: float | None = None) -> AsyncIterator[Record]:
        """Every event after `after`, then new ones as they are committed, by any process. Ends after `patience` seconds
        without one; None never ends."""
        ...

    def close(self) -> None: ...
