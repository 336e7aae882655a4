"""Group commit: concurrent appenders share one transaction and one fsync; each learns of its own fate."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass

import apsw
import orjson

from agentos.clock import Clock, micros
from agentos.errors import Conflict, StorageError
from agentos.events.chain import link
from agentos.events.log import Decision, Reader
from agentos.events.record import NewEvent, Record
from agentos.ids import uuid7
from agentos.secrets.sealing import Sealer

_MOST = 512
"""Appends in one transaction at the most: bounds what a waiting process has to wait for."""


@dataclass(slots=True)
class _Append:
    decide: Decision
    future: Future[list[Record]]


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
        self._queue: queue.SimpleQueue[_Append | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="log-writer", daemon=True)
        self._thread.start()

    def submit(self, what: NewEvent | Sequence[NewEvent] | Decision) -> Future[list[Record]]:
        future: Future[list[Record]] = Future()
        self._queue.put(_Append(_decision(what), future))
        return future

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
            self._commit([item for item in batch if item.future.set_running_or_notify_cancel()])
            if not more:
                break
        if self._connection is not None:
            self._connection.close()

    def _commit(self, batch: list[_Append]) -> None:
        written: list[tuple[_Append, list[Record]]] = []
        try:
            if self._connection is None:
                self._connection = self._connect()
            self._connection.execute("BEGIN IMMEDIATE")
            for item in batch:
                self._attempt(item, written)
            self._connection.execute("COMMIT")
        except BaseException as error:  # the thread must live on, and every waiter must learn of it
            self._abandon()
            for item in batch:
                if not item.future.done():
                    item.future.set_exception(_as_ours(error))
            return
        for item, records in written:
            item.future.set_result(records)

    def _attempt(self, item: _Append, written: list[tuple[_Append, list[Record]]]) -> None:
        """One appender's events under a savepoint: its refusal or conflict is its own."""
        connection = self._connection
        assert connection is not None  # noqa: S101  (set by the caller)
        connection.execute("SAVEPOINT one")
        try:
            written.append((item, self._insert(connection, item.decide)))
        except (apsw.FullError, apsw.IOError, apsw.BusyError):
            raise
        except Exception as error:
            connection.execute("ROLLBACK TO one")
            item.future.set_exception(_as_ours(error))
        connection.execute("RELEASE one")

    def _insert(self, connection: apsw.Connection, decide: Decision) -> list[Record]:
        reader = self._make_reader(connection, self._sealer)
        events = decide(reader)
        seq, previous = reader.head()
        at = micros(self._clock.now())
        records: list[Record] = []
        for event in events:
            seq += 1
            record = self._stored(event, seq, previous, at)
            previous = record.hash
            records.append(record)
            connection.execute("INSERT INTO events VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)", _row(record))
        return records

    def _stored(self, event: NewEvent, seq: int, previous: bytes, at: int) -> Record:
        id = event.id or uuid7(at // 1000)
        plain = orjson.dumps(dict(event.data), option=orjson.OPT_SORT_KEYS)
        stored = plain if event.subject is None else self._sealer.seal(event.subject, id, plain)
        envelope = (seq, id, event.stream, event.version, event.type, at, event.actor)
        rest = (event.subject, event.key, event.correlation, event.causation, stored)
        return Record(*envelope, *rest, link(previous, *envelope, *rest), decode=lambda _: orjson.loads(plain))

    def _abandon(self) -> None:
        if self._connection is not None:
            try:
                self._connection.close(True)  # rolls back; the next batch starts on a fresh connection
            finally:
                self._connection = None


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
