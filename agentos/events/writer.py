"""One connection that appends: a transaction a batch, each appender's events all of them or none."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import apsw
import orjson

from agentos.clock import Clock, micros
from agentos.errors import Conflict, StorageError
from agentos.events.chain import link
from agentos.events.log import Decision, Reader
from agentos.events.record import Appended, NewEvent, Record
from agentos.ids import uuid7
from agentos.secrets.sealing import Sealer

Outcome = Appended | BaseException
_MOST_STREAMS = 4096
_INSERT = "INSERT INTO events VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)"


class Writer:
    """Used by one thread at a time. After any failure of a whole transaction it begins anew on a fresh connection."""

    def __init__(
        self,
        connect: Callable[[], apsw.Connection],
        sealer: Sealer,
        clock: Clock,
        reader: Callable[[apsw.Connection, Sealer], Reader],
        patience: float,
    ) -> None:
        """patience: seconds to wait for another process that writes, where `commit` may wait."""
        self._connect = connect
        self._sealer = sealer
        self._clock = clock
        self._make_reader = reader
        self._patience = int(patience * 1000)
        self._connection: apsw.Connection | None = None
        self._streams = _Streams()
        self._head = (0, b"")

    def commit(self, batch: Sequence[Decision], *, patient: bool) -> list[Outcome]:
        """What became of each, once the transaction is durable. Raises apsw.BusyError, having done nothing, where
        another process writes and `patient` is false; an interrupt is passed on once the transaction is rolled back."""
        outcomes: list[Outcome] = []
        begun = False
        try:
            connection = self._opened(patient)
            connection.execute("BEGIN IMMEDIATE")
            begun = True
            reader = self._make_reader(connection, self._sealer)
            self._head = reader.head()
            self._streams.begin(self._head[0])
            for decide in batch:
                outcomes.append(self._attempt(connection, reader, decide))
            connection.execute("COMMIT")
            self._streams.commit(self._head[0])
        except BaseException as error:
            if isinstance(error, apsw.BusyError) and not patient and not begun:
                raise
            self.close()
            if not isinstance(error, Exception):
                raise
            failed = as_ours(error)
            known: list[Outcome] = [one if isinstance(one, BaseException) else failed for one in outcomes]
            return known + [failed] * (len(batch) - len(known))
        return outcomes

    def close(self) -> None:
        """Rolls back what is not committed."""
        connection, self._connection = self._connection, None
        self._streams = _Streams()
        if connection is not None:
            connection.close(True)

    def _opened(self, patient: bool) -> apsw.Connection:
        if self._connection is None:
            self._connection = self._connect()
        self._connection.set_busy_timeout(self._patience if patient else 0)
        return self._connection

    def _attempt(self, connection: apsw.Connection, reader: Reader, decide: Decision) -> Outcome:
        """One appender's refusal or conflict is its own. A single INSERT undoes itself when it is refused, so only
        several events need a savepoint."""
        head, saved = self._head, False
        try:
            events = decide(reader)
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
            return as_ours(error)
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


def _row(record: Record) -> tuple[object, ...]:
    return (
        record.seq, record.id, record.stream, record.version, record.type, record.at_micros, record.actor,
        record.subject, record.key, record.correlation, record.causation, record.stored, record.hash,
    )  # fmt: skip


def as_ours(error: BaseException) -> BaseException:
    if isinstance(error, apsw.ConstraintError):
        return Conflict("this is recorded already", code="log.conflict")
    if isinstance(error, apsw.FullError):
        return StorageError(
            "the disk is full: nothing was recorded", hint="Free some space and run it again.", code="log.full"
        )
    if isinstance(error, apsw.BusyError):
        return busy()
    if isinstance(error, apsw.CorruptError | apsw.NotADBError):
        return malformed(error)
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


DAMAGED = "Nothing is done while it is so. Keep a copy of state/, then restore a backup: `agentos restore`."


def malformed(error: Exception) -> StorageError:
    return StorageError(f"the event log is damaged: {error}", hint=DAMAGED, code="log.malformed")
