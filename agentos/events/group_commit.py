"""Group commit: concurrent appenders share one transaction and one fsync; each learns of its own fate."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass

import apsw
import orjson

from agentos.clock import Clock, micros
from agentos.errors import Conflict, StorageError
from agentos.events.chain import link
from agentos.events.log import Decision, Reader
from agentos.events.record import Appended, NewEvent, Record
from agentos.ids import uuid7
from agentos.secrets.sealing import Sealer

_MOST = 512
"""Appends in one transaction at the most: bounds what a waiting process has to wait for."""
_MOST_STREAMS = 4096
_INSERT = "INSERT INTO events VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)"


@dataclass(slots=True)
class _Append:
    decide: Decision
    future: Future[Appended] | asyncio.Future[Appended]
    loop: asyncio.AbstractEventLoop | None = None
    """The loop of an asyncio future, which only its own thread may resolve."""


class GroupCommit:
    """One thread with one connection. `submit` from any thread; order of submission is order in the log."""

    def __init__(
        self,
        connect: Callable[[], apsw.Connection],
        sealer: Sealer,
        clock: Clock,
        reader: Callable[[apsw.Connection, Sealer], Reader],
    ) -> None:
        self._connect = connect
        self._sealer = sealer
        self._clock = clock
        self._make_reader = reader
        self._streams = _Streams()
        self._queue: queue.SimpleQueue[_Append | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="log-writer", daemon=True)
        self._thread.start()

    def submit(self, what: NewEvent | Sequence[NewEvent] | Decision) -> Future[Appended]:
        future: Future[Appended] = Future()
        self._queue.put(_Append(_decision(what), future))
        return future

    async def record(self, what: NewEvent | Sequence[NewEvent] | Decision) -> Appended:
        """`submit`, and await. What is queued is written even if nobody awaits it any more."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Appended] = loop.create_future()
        self._queue.put(_Append(_decision(what), future, loop))
        return await future

    def close(self) -> None:
        """Write what is queued, then end."""
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        self._connection: apsw.Connection | None = None
        while (first := self._queue.get()) is not None:
            batch, more = [first], True
            while more and len(batch) < _MOST:
                try:
                    item = self._queue.get_nowait()
                except queue.Empty:
                    break
                if item is None:
                    more = False
                else:
                    batch.append(item)
            _tell(self._commit([item for item in batch if _wanted(item)]))
            if not more:
                break
        if self._connection is not None:
            self._connection.close()

    def _commit(self, batch: list[_Append]) -> list[_Outcome]:
        """What became of each: known only once the transaction is durable, but for those that were not in it."""
        outcomes: list[_Outcome] = []
        try:
            if self._connection is None:
                self._connection = self._connect()
            self._connection.execute("BEGIN IMMEDIATE")
            reader = self._make_reader(self._connection, self._sealer)
            self._head = reader.head()
            self._streams.begin(self._head[0])
            outcomes += [(item, self._attempt(item, reader)) for item in batch]
            self._connection.execute("COMMIT")
            self._streams.commit(self._head[0])
        except BaseException as error:  # the thread must live on, and every waiter must learn of it
            self._abandon()
            failed = _as_ours(error)
            refused = [one for one in outcomes if isinstance(one[1], BaseException)]
            return refused + [(item, failed) for item in batch if item not in [one[0] for one in refused]]
        return outcomes

    def _attempt(self, item: _Append, reader: Reader) -> Appended | BaseException:
        """One appender's events, all of them or none: its refusal or conflict is its own.

        A single INSERT undoes itself when it is refused, so only several events need a savepoint.
        """
        connection, head = self._connection, self._head
        assert connection is not None  # noqa: S101  (set by the caller)
        saved = False
        try:
            events = item.decide(reader)
            if len(events) > 1:
                connection.execute("SAVEPOINT one")
                saved = True
            written = self._insert(connection, events)
        except (apsw.FullError, apsw.IOError, apsw.BusyError):
            raise
        except Exception as error:
            self._head = head
            if saved:
                connection.execute("ROLLBACK TO one; RELEASE one")
            return _as_ours(error)
        if saved:
            connection.execute("RELEASE one")
        return Appended(written, since=self._streams.wrote(written))

    def _insert(self, connection: apsw.Connection, events: Sequence[NewEvent]) -> list[Record]:
        at = micros(self._clock.now())
        records: list[Record] = []
        for event in events:
            seq, previous = self._head
            record = self._stored(event, seq + 1, previous, at)
            connection.execute(_INSERT, _row(record))
            self._head = (record.seq, record.hash)
            records.append(record)
        return records

    def _stored(self, event: NewEvent, seq: int, previous: bytes, at: int) -> Record:
        id = event.id or uuid7(at // 1000)
        plain = orjson.dumps(dict(event.data), option=orjson.OPT_SORT_KEYS)
        stored = plain if event.subject is None else self._sealer.seal(event.subject, id, plain)
        envelope = (seq, id, event.stream, event.version, event.type, at, event.actor)
        rest = (event.subject, event.key, event.correlation, event.causation, stored)
        return Record(*envelope, *rest, link(previous, *envelope, *rest), decode=lambda _: orjson.loads(plain))

    def _abandon(self) -> None:
        self._streams = _Streams()
        if self._connection is not None:
            try:
                self._connection.close(True)  # rolls back; the next batch starts on a fresh connection
            finally:
                self._connection = None


class _Streams:
    """What this writer knows of the streams it writes without asking the database: up to `_foreign` others may have
    written too, since then nobody but itself, and the last of each stream is in `_last`."""

    def __init__(self) -> None:
        self._head = -1
        self._foreign = 0
        self._last: dict[str, int] = {}

    def begin(self, head: int) -> None:
        if head != self._head or len(self._last) > _MOST_STREAMS:
            self._foreign, self._last = head, {}

    def wrote(self, records: Sequence[Record]) -> int:
        """See Appended.since."""
        since = max([self._foreign, *(self._last.get(record.stream, 0) for record in records)])
        self._last.update((record.stream, record.seq) for record in records)
        return since

    def commit(self, head: int) -> None:
        self._head = head


_Outcome = tuple[_Append, Appended | BaseException]


def _wanted(item: _Append) -> bool:
    """Marks a plain future as running. One that was cancelled before is not written."""
    return not isinstance(item.future, Future) or item.future.set_running_or_notify_cancel()


def _tell(outcomes: Sequence[_Outcome]) -> None:
    """Resolve the futures; those of one event loop together, so that it is woken once."""
    waiting: dict[asyncio.AbstractEventLoop, list[_Outcome]] = {}
    for one in outcomes:
        if one[0].loop is None:
            _resolve([one])
        else:
            waiting.setdefault(one[0].loop, []).append(one)
    for loop, told in waiting.items():
        with suppress(RuntimeError):  # it is closed: nobody waits there any more
            loop.call_soon_threadsafe(_resolve, told)


def _resolve(outcomes: Sequence[_Outcome]) -> None:
    for item, outcome in outcomes:
        if item.future.done():
            continue
        if isinstance(outcome, BaseException):
            item.future.set_exception(outcome)
        else:
            item.future.set_result(outcome)


def _row(record: Record) -> tuple[object, ...]:
    return (
        record.seq, record.id, record.stream, record.version, record.type, record.at_micros, record.actor,
        record.subject, record.key, record.correlation, record.causation, record.stored, record.hash,
    )  # fmt: skip


def _decision(what: NewEvent | Sequence[NewEvent] | Decision) -> Decision:
    if isinstance(what, NewEvent):
        return lambda _: (what,)
    return what if callable(what) else lambda _: what


def _as_ours(error: BaseException) -> BaseException:
    if isinstance(error, apsw.ConstraintError):
        return Conflict("this is recorded already", code="log.conflict")
    if isinstance(error, apsw.FullError):
        return StorageError(
            "the disk is full: nothing was recorded", hint="Free some space and run it again.", code="log.full"
        )
    if isinstance(error, apsw.BusyError):
        return busy()
    if isinstance(error, apsw.CorruptError | apsw.NotADBError):
        return StorageError(
            f"the event log is damaged: {error}", hint="Run `agentos log verify`.", code="log.malformed"
        )
    if isinstance(error, apsw.Error):
        return StorageError(
            f"the event log can't be written: {error}", hint="Run `agentos doctor`.", code="log.unusable"
        )
    return error


def busy() -> StorageError:
    return StorageError(
        "the event log is locked by another program: nothing was recorded",
        hint="Close the backup or copy that holds it, and run it again.",
        code="log.busy",
    )
