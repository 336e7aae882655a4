"""A copy of the log's database, taken in one read transaction while others write, and verified before it counts."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import apsw

from agentos.errors import AgentOSError, StorageError
from agentos.events.chain import GENESIS, link
from agentos.events.epoch import epoch_of
from agentos.events.sqlite import COLUMNS, SQLiteReader, connect
from agentos.secrets.keyring import KeyRing
from agentos.secrets.sealing import Sealer


@dataclass(frozen=True)
class Snapshot:
    seq: int
    hash: str
    epoch: str


def snapshot(source: Path, target: Path) -> Snapshot:
    """Copy with SQLite's online backup into a plain file without a write-ahead log. Raises AgentOSError."""
    try:
        with _closing(connect(source)) as live, _closing(apsw.Connection(str(target))) as copy:
            with copy.backup("main", live, "main") as work:
                work.step(-1)  # all pages in one read transaction: writers go on beside it
            copy.execute("PRAGMA journal_mode=DELETE")
    except apsw.Error as error:
        room = shutil.disk_usage(target.parent).free
        full = isinstance(error, apsw.FullError) or room < source.stat().st_size  # SQLite says as little as "I/O error"
        why = f"no space is left on {target.parent.parent}" if full else str(error)
        hint = "Make room, and run it again. Earlier backups are as they were."
        raise StorageError(f"The log could not be copied: {why}.", hint=hint, code="backup.log") from error
    handle = os.open(target, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
    return examine(target)


def examine(path: Path) -> Snapshot:
    """The head of a log that nobody writes, with its chain verified. Raises AgentOSError with the first bad event."""
    with opened(path) as connection:
        previous, seq = GENESIS, 0
        try:
            for row in connection.execute(f"SELECT {COLUMNS} FROM events ORDER BY seq"):  # noqa: S608
                stored, hash = bytes(row[11]), bytes(row[12])
                if row[0] != seq + 1 or link(previous, *(*row[:11], stored)) != hash:
                    raise _broken(f"event {seq + 1} is not what was written")
                seq, previous = row[0], hash
            reader = SQLiteReader(connection, Sealer(KeyRing(path.parent / "no-keys")))
            return Snapshot(seq, previous.hex(), epoch_of(reader))
        except apsw.Error as error:
            raise _broken(f"it can't be read on from event {seq + 1}: {error}") from error


@contextmanager
def opened(path: Path) -> Iterator[apsw.Connection]:
    """A log file that nobody writes, read without leaving a trace beside it (also on a disk that can't be written)."""
    uri = f"file:{quote(str(path.absolute()))}?immutable=1"
    flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
    with _closing(apsw.Connection(uri, flags=flags)) as connection:
        yield connection


@contextmanager
def _closing(connection: apsw.Connection) -> Iterator[apsw.Connection]:
    try:
        yield connection
    finally:
        connection.close()


def _broken(why: str) -> AgentOSError:
    return AgentOSError(
        f"The log is not what was written: {why}.",
        hint="`agentos log verify` says more; an earlier backup may be whole: agentos backup DIR --check",
        code="backup.log_broken",
    )
