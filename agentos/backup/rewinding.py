"""The log's side of a restore: the new epoch, what becomes of the witnessed heads, and who stays forgotten."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import apsw

from agentos.backup.manifest import LOG, Manifest
from agentos.backup.note import Note
from agentos.clock import Clock
from agentos.events.epoch import epoch_of
from agentos.events.sqlite import SQLiteLog, SQLiteReader
from agentos.events.types import PlatformRestored
from agentos.events.witness import rewinds_of, witness_of
from agentos.secrets.keyring import KeyRing
from agentos.secrets.sealing import Sealer


def append_restored(root: Path, state: Path, backup: str, manifest: Manifest, note: Note, clock: Clock) -> None:
    """Append `platform.restored` to the log in `state`, which is not in its place yet."""
    log = SQLiteLog(state / LOG, Sealer(KeyRing(state / "keys")), clock=clock)
    try:
        after, carried = _history_given_up(root / "state" / LOG, log, manifest.seq)
        witness = witness_of(root)
        fact = PlatformRestored(
            epoch=note.epoch, backup=backup, made_at=manifest.made_at, seq=manifest.seq, hash=manifest.hash,
            aside=note.aside if (root / "state").exists() else "", rewinds=[*carried, witness.rewind(after)],
        )  # fmt: skip
        log.append(fact.on("platform", key=f"platform.restored/{note.epoch}", actor="operator"))
    finally:
        log.close()


def is_restored(root: Path, note: Note) -> bool:
    """Whether the log in its place is the one of this restore already."""
    reader = _reader(root / "state" / LOG)
    return reader is not None and epoch_of(reader) == note.epoch


def tombstones(root: Path, note: Note, keys: Mapping[str, bytes]) -> set[str]:
    """Key files of clients who were forgotten before or after the backup: none of them comes back."""
    found = {name for name, key in keys.items() if not key}
    for state in (root / "state", root / note.aside):
        found |= {path.name for path in (state / "keys").glob("*.key") if path.stat().st_size == 0}
    return found


def _history_given_up(old: Path, log: SQLiteLog, head: int) -> tuple[int, list[dict[str, Any]]]:
    """The last event up to which the old log and the restored one agree, and what the old one knew of earlier restores.

    Without an old log that can be read, all that the backup holds is taken to agree.
    """
    reader = _reader(old)
    if reader is None:
        return head, []
    try:
        known = rewinds_of(log)
        return _agreed(reader, log, head), [one for one in rewinds_of(reader) if one not in known]
    except apsw.Error:
        return head, []


def _agreed(old: SQLiteReader, new: SQLiteLog, head: int) -> int:
    """By halving: one equal hash means that everything before it is equal."""
    low, high = 0, min(head, old.head()[0])
    while low < high:
        middle = (low + high + 1) // 2
        one, other = (next(log.read(after=middle - 1, limit=1), None) for log in (old, new))
        if one is not None and other is not None and (one.seq, one.hash) == (other.seq, other.hash):
            low = middle
        else:
            high = middle - 1
    return low


def _reader(path: Path) -> SQLiteReader | None:
    """Reads only: a log that is damaged must not be touched."""
    if not path.exists():
        return None
    try:
        connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
        reader = SQLiteReader(connection, Sealer(KeyRing(path.parent / "keys")))
        reader.head()
    except apsw.Error:
        return None
    return reader
