"""The log on SQLite, opened with apsw: WAL, synchronous FULL, BEGIN IMMEDIATE, one writer thread a process."""

from __future__ import annotations

import os
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from datetime import date, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import apsw
import orjson

from agentos.clock import Clock, SystemClock
from agentos.errors import AgentOSError, StorageError
from agentos.events.chain import GENESIS
from agentos.events.group_commit import GroupCommit
from agentos.events.log import Decision
from agentos.events.record import FORGOTTEN, Appended, NewEvent, Record
from agentos.events.upcast import upcast
from agentos.events.writer import DAMAGED, Writer, busy, malformed
from agentos.secrets.sealing import MARK, Sealer

PATIENCE = 30.0
"""Seconds to wait for another program that holds the database, such as a backup."""
_DAY = 86_400_000_000  # microseconds
COLUMNS = "seq, id, stream, version, type, at, actor, subject, key, correlation, causation, data, hash"


_SCHEMA = "SELECT name, sql FROM sqlite_master WHERE tbl_name = 'events' AND type IN ('table', 'trigger')"


class SQLiteReader:
    """Reads over one connection. Not to be shared between threads."""

    def __init__(self, connection: apsw.Connection, sealer: Sealer) -> None:
        self._connection = connection
        self._sealer = sealer

    def head(self) -> tuple[int, bytes]:
        with _readable():
            row = self._connection.execute("SELECT seq, hash FROM events ORDER BY seq DESC LIMIT 1").fetchone()
        return (int(row[0]), bytes(row[1])) if row else (0, GENESIS)

    def read(
        self,
        after: int = 0,
        *,
        stream: str | None = None,
        types: Sequence[str] = (),
        correlation: str | None = None,
        since_micros: int | None = None,
        limit: int | None = None,
    ) -> Iterator[Record]:
        where, values = _where(after, stream, types, correlation, since_micros)
        # Left alone, the planner would read every event of the type in the order of seq.
        by_time = types and since_micros is not None and stream is None
        table = "events INDEXED BY events_type_at" if by_time else "events"
        query = f"SELECT {COLUMNS} FROM {table} WHERE {where} ORDER BY seq"  # noqa: S608  (placeholders only)
        if limit is not None:
            query += f" LIMIT {int(limit)}"
        with _readable():
            for row in self._connection.execute(query, values):
                yield self._record(row)

    def last(self, *, stream: str | None = None, types: Sequence[str] = ()) -> Record | None:
        where, values = _where(0, stream, types, None, None)
        query = f"SELECT {COLUMNS} FROM events WHERE {where} ORDER BY seq DESC LIMIT 1"  # noqa: S608
        return self._one(query, values)

    def by_key(self, key: str) -> Record | None:
        return self._one(f"SELECT {COLUMNS} FROM events WHERE key = ?", (key,))  # noqa: S608

    def by_id(self, id: str) -> Record | None:
        return self._one(f"SELECT {COLUMNS} FROM events WHERE id = ?", (id,))  # noqa: S608

    def _one(self, query: str, values: tuple[Any, ...]) -> Record | None:
        with _readable():
            row = self._connection.execute(query, values).fetchone()
        return self._record(row) if row else None

    def _record(self, row: tuple[Any, ...]) -> Record:
        columns = (*row, self._decode)
        return Record(*columns)

    def _decode(self, record: Record) -> dict[str, Any]:
        try:
            return self._opened(record)
        except (AgentOSError, ValueError) as error:
            if self._is_accepted(record.seq):  # known damage reads like what was forgotten: folds pass over it
                return {FORGOTTEN: True}
            if isinstance(error, AgentOSError):
                raise
            raise AgentOSError(f"event {record.seq} can't be read", hint=DAMAGED, code="log.unreadable") from error

    def _is_accepted(self, seq: int) -> bool:
        """Whether the operator goes on with this event as it is. Read bare, since that event may be broken too."""
        for record in self.read(types=("platform.damage_accepted",)):
            with suppress(ValueError):
                if any(fault["seq"] == seq for fault in orjson.loads(record.stored)["faults"]):
                    return True
        return False

    def _opened(self, record: Record) -> dict[str, Any]:
        plain = self.plain(record)
        return {FORGOTTEN: True} if plain is None else upcast(record.type, record.version, orjson.loads(plain))

    def plain(self, record: Record) -> bytes | None:
        """The payload's bytes, unsealed; None when its client was forgotten. Raises AgentOSError when it was
        altered."""
        if not record.stored.startswith(MARK):
            return record.stored
        return self._sealer.open(record.subject or "", record.id, record.stored)


class SQLiteLog:
    """Implements `EventLog`. Safe to use from any thread, and from several processes on one local disk."""

    def __init__(self, path: Path, sealer: Sealer, *, clock: Clock | None = None, patience: float = PATIENCE) -> None:
        refuse_affected(apsw.sqlite_lib_version())
        self.path = path
        self._sealer = sealer
        self._clock = clock or SystemClock()
        self._patience = patience
        self._local = threading.local()
        self._lock = threading.Lock()
        self._writer: GroupCommit | None = None
        self._pid = os.getpid()
        path.parent.mkdir(parents=True, exist_ok=True)
        self._connect()  # creates the schema, and says now what would else be said at the first append

    def _connect(self) -> apsw.Connection:
        return connect(self.path, self._patience)

    # -- reading

    @property
    def _reader(self) -> SQLiteReader:
        if getattr(self._local, "pid", None) != os.getpid():  # a connection must not cross a fork
            self._local.reader = SQLiteReader(self._connect(), self._sealer)
            self._local.pid = os.getpid()
        reader: SQLiteReader = self._local.reader
        return reader

    def head(self) -> tuple[int, bytes]:
        return self._reader.head()

    def read(self, after: int = 0, **filters: Any) -> Iterator[Record]:
        return self._reader.read(after, **filters)

    def last(self, *, stream: str | None = None, types: Sequence[str] = ()) -> Record | None:
        return self._reader.last(stream=stream, types=types)

    def by_key(self, key: str) -> Record | None:
        return self._reader.by_key(key)

    def by_id(self, id: str) -> Record | None:
        return self._reader.by_id(id)

    def plain(self, record: Record) -> bytes | None:
        return self._reader.plain(record)

    def rows(self, after: int = 0, limit: int = -1) -> Iterator[Any]:
        """The bare columns in order, for verifying: nothing is parsed. A limit below 0 is none."""
        query = f"SELECT {COLUMNS} FROM events WHERE seq > ? ORDER BY seq LIMIT ?"  # noqa: S608
        return iter(self._connect().execute(query, (after, limit)))

    def days(self, after: int, floor: date) -> Iterator[tuple[date, int, int]]:
        """(day, first seq, last seq) of the events after `after`. An event belongs to the latest day (UTC) that the log
        had seen when it was appended, and to none before `floor`: a clock that goes back opens no day again."""
        day = f"max(at) OVER (ORDER BY seq) / {_DAY}"
        query = f"SELECT max(day, ?), min(seq), max(seq) FROM (SELECT seq, {day} AS day FROM events WHERE seq > ?)"  # noqa: S608
        lowest = max((floor - date(1970, 1, 1)).days, 0)
        for number, first, last in self._connect().execute(f"{query} GROUP BY 1 ORDER BY 1", (lowest, after)):
            yield date(1970, 1, 1) + timedelta(days=number), first, last

    def unsound(self) -> str:
        """What is wrong with the database's pages, indexes or schema; "" when nothing is. Reads the whole file."""
        try:
            connection = self._connect()
            found = [str(row[0]) for row in connection.execute("PRAGMA integrity_check(3)")]
            schema = set(connection.execute(_SCHEMA))
        except (apsw.Error, AgentOSError, ValueError) as error:
            return f"the database is damaged: {error}"
        if found != ["ok"]:
            return f"the database is damaged: {'; '.join(' '.join(text.split()) for text in found)}"
        fresh = apsw.Connection(":memory:")
        fresh.execute(files("agentos.events").joinpath("schema.sql").read_text())
        return "" if schema == set(fresh.execute(_SCHEMA)) else "the database's schema is not the log's: it was altered"

    def is_readable(self) -> bool:
        """Whether the database still opens and knows its last event."""
        try:
            self.head()
        except (apsw.Error, AgentOSError, TypeError, ValueError):
            return False
        return True

    def count_by_subject(self, type: str, until: int, key_ends: str = "") -> dict[str | None, int]:
        """Client (None: nobody) -> how many events of this type up to `until`, whose keys end so. Opens nothing."""
        query = "SELECT subject, count(*) FROM events WHERE type = ? AND seq <= ? AND coalesce(key, '') LIKE ?"
        rows = self._connect().execute(f"{query} GROUP BY subject", (type, until, f"%{key_ends}"))
        return {row[0]: int(row[1]) for row in rows}

    def twice(self, column: Literal["id", "key"]) -> Iterator[tuple[int, str]]:
        """(seq, value) of each value that stands more than once, read from the rows and not from an index."""
        query = f"SELECT max(seq), {column} FROM events NOT INDEXED WHERE {column} IS NOT NULL"  # noqa: S608
        return iter(self._connect().execute(f"{query} GROUP BY {column} HAVING count(*) > 1"))

    # -- writing

    def submit(self, what: NewEvent | Sequence[NewEvent] | Decision) -> Future[Appended]:
        return self._opened().submit(what)

    def append(self, what: NewEvent | Sequence[NewEvent] | Decision) -> Appended:
        return self._opened().append(what)

    async def record(self, what: NewEvent | Sequence[NewEvent] | Decision) -> Appended:
        return await self._opened().record(what)

    def _opened(self) -> GroupCommit:
        """The appenders of this process: after a fork, the one before is the parent's."""
        with self._lock:
            if self._writer is None or self._pid != os.getpid():
                self._writer = GroupCommit(
                    Writer(self._connect, self._sealer, self._clock, SQLiteReader, self._patience)
                )
                self._pid = os.getpid()
            return self._writer

    def close(self) -> None:
        with self._lock:
            if self._writer is not None and self._pid == os.getpid():
                self._writer.close()
            self._writer = None

    # -- tailing

    async def tail(self, after: int, *, patience: float | None = None) -> AsyncIterator[Record]:
        from agentos.events.doorbell import Doorbell

        async with Doorbell(self.path) as bell:
            while True:
                for record in list(self.read(after)):
                    after = record.seq
                    yield record
                if self.head()[0] == after and not await bell.rang(patience):
                    return


def connect(path: Path, patience: float = PATIENCE) -> apsw.Connection:
    """A connection with the settings that durability rests on. Raises StorageError."""
    try:
        connection = apsw.Connection(str(path))
        connection.set_busy_timeout(int(patience * 1000))
        connection.execute("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON")
        newest = "SELECT count(*) FROM sqlite_master WHERE name IN ('events_in_order', 'events_type_at')"
        if connection.execute(newest).fetchone() != (2,):
            schema = files("agentos.events").joinpath("schema.sql").read_text()
            connection.execute(f"BEGIN IMMEDIATE; {schema} COMMIT")
    except apsw.BusyError as error:
        raise busy() from error
    except (apsw.CorruptError, apsw.NotADBError) as error:
        raise malformed(error) from error
    except (apsw.Error, ValueError) as error:  # ValueError: a damaged text that is no text
        raise unwritable(path, error) from error
    return connection


@contextmanager
def _readable() -> Iterator[None]:
    try:
        yield
    except (apsw.CorruptError, apsw.NotADBError, UnicodeDecodeError) as error:
        raise malformed(error) from error


def unwritable(path: Path, error: Exception) -> StorageError:
    return StorageError(
        f"the event log {path.name} can't be used: {error}",
        hint="Check free space and permissions of the state/ folder; then `agentos log verify`.",
        code="log.unusable",
    )


def refuse_affected(version: str) -> None:
    """SQLite 3.7.0 to 3.51.2 can lose commits when checkpoints overlap (the WAL-reset bug): not with somebody's
    money."""
    number = tuple(int(part) for part in version.split("."))
    if (3, 7, 0) <= number <= (3, 51, 2):
        raise AgentOSError(
            f"SQLite {version} can lose commits (WAL-reset bug, fixed in 3.51.3)",
            hint="Install a newer apsw: pip install -U apsw.",
            code="log.sqlite_affected",
        )


def _where(
    after: int, stream: str | None, types: Sequence[str], correlation: str | None, since_micros: int | None
) -> tuple[str, tuple[Any, ...]]:
    parts: list[str] = ["seq > ?"]
    values: list[Any] = [after]
    if stream is not None:
        parts.append("stream = ?")
        values.append(stream)
    if types:
        parts.append(f"type IN ({', '.join('?' * len(types))})")
        values.extend(types)
    if correlation is not None:
        parts.append("correlation = ?")
        values.append(correlation)
    if since_micros is not None:
        parts.append("at >= ?")
        values.append(since_micros)
    return " AND ".join(parts), tuple(values)
