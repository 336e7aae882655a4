"""Group commit: concurrent appenders share one transaction and one fsync; each learns of its own fate.

Who appends, commits: no other thread is handed it, and waited for, where none is needed. What is recorded in one turn
of an event loop is committed at the turn's end, on the loop: the sync takes a fraction of a millisecond, and waking
another thread and being woken by it costs more. Where another process writes just then, or a thread of this one, a
thread of ours waits in the loop's place.
"""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import apsw

from agentos.errors import StorageError
from agentos.events.log import Decision
from agentos.events.record import Appended, NewEvent
from agentos.events.writer import Outcome, Writer

if TYPE_CHECKING:
    import asyncio

What = NewEvent | Sequence[NewEvent] | Decision
_MOST = 512
"""Appends in one transaction at the most: bounds what a waiting process has to wait for."""


@dataclass(slots=True)
class _Append:
    decide: Decision
    future: Future[Appended] | asyncio.Future[Appended]
    loop: asyncio.AbstractEventLoop | None = None
    """The loop of an asyncio future, which only its own thread may resolve."""


class GroupCommit:
    """Safe from any thread and any event loop of one process; order of arrival is order in the log."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._lock = threading.Lock()
        self._waiting: deque[_Append] = deque()
        self._bell: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def append(self, what: What) -> Appended:
        """Append and wait: commit what waits, or wait for whoever is committing it."""
        future: Future[Appended] = Future()
        self._waiting.append(_Append(_decision(what), future))
        while not future.done():
            with self._lock:
                if not future.done():
                    self._commit(patient=True)
        return future.result()

    def submit(self, what: What) -> Future[Appended]:
        """Append without waiting."""
        future: Future[Appended] = Future()
        self._waiting.append(_Append(_decision(what), future))
        self._ring()
        return future

    async def record(self, what: What) -> Appended:
        """Append together with whatever else this turn of the loop brings. What waits is written even if nobody awaits
        it any more."""
        import asyncio

        loop = asyncio.get_running_loop()
        future: asyncio.Future[Appended] = loop.create_future()
        self._waiting.append(_Append(_decision(what), future, loop))
        loop.call_soon(self._turn, loop)
        return await future

    def close(self) -> None:
        """Write what waits, then end."""
        with self._lock:
            while self._waiting:
                self._commit(patient=True)
        if self._thread is not None:
            self._bell.put(False)
            self._thread.join()
        self._writer.close()

    def _turn(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._waiting and self._lock.acquire(blocking=False):
            try:
                self._commit(patient=False, here=loop)
            finally:
                self._lock.release()
        if self._waiting:
            self._ring()

    def _ring(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._serve, name="log-writer", daemon=True)
            self._thread.start()
        self._bell.put(True)

    def _serve(self) -> None:
        while self._bell.get():
            with self._lock:
                while self._waiting:
                    self._commit(patient=True)

    def _commit(self, *, patient: bool, here: asyncio.AbstractEventLoop | None = None) -> None:
        """Commit what waits, up to _MOST. Call with the lock. Impatient, it leaves all of it waiting where another
        process writes."""
        taken = [self._waiting.popleft() for _ in range(min(len(self._waiting), _MOST))]
        batch = [item for item in taken if _wanted(item)]
        try:
            outcomes = self._writer.commit([item.decide for item in batch], patient=patient)
        except apsw.BusyError:
            self._waiting.extendleft(reversed(batch))
        except BaseException:  # an interrupt: this thread goes down with it, the others must not wait for ever
            _tell(batch, [_interrupted()] * len(batch), here)
            raise
        else:
            _tell(batch, outcomes, here)


def _wanted(item: _Append) -> bool:
    """Marks a plain future as running. One that was cancelled before is not written."""
    if isinstance(item.future, Future):
        return item.future.running() or item.future.set_running_or_notify_cancel()
    return True


def _tell(batch: Sequence[_Append], outcomes: Sequence[Outcome], here: asyncio.AbstractEventLoop | None) -> None:
    """Resolve the futures; those of another event loop together, so that it is woken once."""
    elsewhere: dict[asyncio.AbstractEventLoop, list[tuple[_Append, Outcome]]] = {}
    for item, outcome in zip(batch, outcomes, strict=True):
        if item.loop is None or item.loop is here:
            _resolve([(item, outcome)])
        else:
            elsewhere.setdefault(item.loop, []).append((item, outcome))
    for loop, told in elsewhere.items():
        with suppress(RuntimeError):  # it is closed: nobody waits there any more
            loop.call_soon_threadsafe(_resolve, told)


def _resolve(told: Sequence[tuple[_Append, Outcome]]) -> None:
    for item, outcome in told:
        if item.future.done():
            continue
        if isinstance(outcome, BaseException):
            item.future.set_exception(outcome)
        else:
            item.future.set_result(outcome)


def _decision(what: What) -> Decision:
    if isinstance(what, NewEvent):
        return lambda _: (what,)
    return what if callable(what) else lambda _: what


def _interrupted() -> StorageError:
    return StorageError(
        "the program was interrupted while it wrote to the event log",
        hint="`agentos log` shows what was recorded.",
        code="log.interrupted",
    )
