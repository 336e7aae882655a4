"""The log on SQLite, opened with apsw: WAL, synchronous FULL, BEGIN IMMEDIATE, one writer thread a process."""

from __future__ import annotations

import os
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import Future
from importlib.resources import files
from pathlib import Path
from typing import Any

import apsw
import orjson

from agentos.clock import Clock, SystemClock
from agentos.errors import AgentOSError, StorageError
from agentos.events.chain import GENESIS
from agentos.events.group_commit import GroupCommit
from agentos.events.log import Decision
from agentos.events.record import FORGOTTEN, NewEvent, Record
from agentos.events.upcast import upcast
from agentos.secrets.sealing import MARK, Sealer

COLUMNS = "seq, id, stream, version, type, at, actor, subject, key, correlation, causation, data, hash"


class SQLiteReader:
    """Reads over one connection. Not to be shared between threads."""

    def __init__(self, connection: apsw.Connection, sealer: Sealer) -> None:
        self._connection = connection
        self._sealer = sealer

    def head(self) -> tuple[int, bytes]:
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
        query = f"SELECT {COLUMNS} FROM events WHERE {where} ORDER BY seq"  # noqa: S608  (placeholders only)
        if limit is not None:
            query += f" LIMIT {int(limit)}"
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
        row = self._connection.execute(query, values).fetchone()
        return self._record(row) if row else None

    def _record(self, row: tuple[Any, ...]) -> Record:
        columns = (*row, self._decode)
        return Record(*columns)

    def _decode(self, record: Record) -> dict[str, Any]:
        stored = record.stored
        if stored.startswith(MARK):
            opened = self._sealer.open(record.subject or "", record.id, stored)
            if opened is None:
                return {FORGOTTEN: True}
            stored = opened
        return upcast(record.type, record.version, orjson.loads(stored))


class SQLiteLog:
    """Implements `EventLog`. Safe to use from any thread, and from several processes on one local disk."""

    def __init__(self, path: Path, sealer: Sealer, *, clock: Clock | None = None) -> None:
        refuse_affected(apsw.sqlite_lib_version())
        self.path = path
        self._sealer = sealer
        self._clock = clock or SystemClock()
        self._local = threading.local()
        self._lock = threading.Lock()
        self._writer: GroupCommit | None = None
        self._pid = os.getpid()
        path.parent.mkdir(parents=True, exist_ok=True)
        connect(path)  # creates the schema, and says now what would else be said at the first append

    # -- reading

    @property
    def _reader(self) -> SQLiteReader:
        if getattr(self._local, "pid", None) != os.getpid():  # a connection must not cross a fork
            self._local.reader = SQLiteReader(connect(self.path), self._sealer)
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

    def rows(self) -> Iterator[Any]:
        """The bare columns in order, for verifying: nothing is parsed."""
        return iter(connect(self.path).execute(f"SELECT {COLUMNS} FROM events ORDER BY seq"))  # noqa: S608

    # -- writing

    def submit(self, what: NewEvent | Sequence[NewEvent] | Decision) -> Future[list[Record]]:
        with self._lock:
            if self._writer is None or self._pid != os.getpid():
                self._writer = GroupCommit(lambda: connect(self.path), self._sealer, self._clock, SQLiteReader)
                self._pid = os.getpid()
            return self._writer.submit(what)

    def append(self, what: NewEvent | Sequence[NewEvent] | Decision) -> list[Record]:
        return self.submit(what).result()

    async def record(self, what: NewEvent | Sequence[NewEvent] | Decision) -> list[Record]:
        import asyncio

        return await asyncio.wrap_future(self.submit(what))

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


def connect(path: Path) -> apsw.Connection:
    """A connection with the settings that durability rests on."""
    try:
        connection = apsw.Connection(str(path))
        connection.set_busy_timeout(30_000)
        connection.execute("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON")
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name='events_in_order'").fetchone():
            schema = files("agentos.events").joinpath("schema.sql").read_text()
            connection.execute(f"BEGIN IMMEDIATE; {schema} COMMIT")
    except apsw.Error as error:
        raise unwritable(path, error) from error
    return connection


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
