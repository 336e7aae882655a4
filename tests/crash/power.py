"""A model of what a power cut leaves: what was synced is there, of the rest nobody knows.

The log: SQLite writes frames to the WAL, syncs it, and tells of the commit. Frames after the last sync may be there,
missing or torn, and the shared-memory file is gone. Other files: content that was not synced may be empty or missing
with its file, and a name that was not synced in its folder may be missing. What git's processes write is not traced
here; that they sync it is asked of git itself (`test_git_syncs_what_it_publishes`).
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

HEADER, FRAME = 32, 24 + 4096
"""Bytes of SQLite's WAL: its header, and a page with its own."""
NOT_MODELLED = ("state/events.db", "state/leases/", "site/.git/")
Rest = Literal["missing", "empty"]


class Syncs:
    """Notes every fsync of this process, and how long the WAL is after every commit, as lines of JSON."""

    def __init__(self, path: Path) -> None:
        self._out = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._fsync = os.fsync

    def watch(self) -> None:
        setattr(os, "fsync", self._synced)  # noqa: B010

    def committed(self, pages: int) -> None:
        self._note(wal=pages)

    def _synced(self, fd: int) -> None:
        self._fsync(fd)
        path = os.readlink(f"/proc/self/fd/{fd}")
        if os.path.isdir(path):
            self._note(folder=path, names={entry.name: entry.inode() for entry in os.scandir(path)})
        else:
            self._note(file=os.fstat(fd).st_ino, size=os.fstat(fd).st_size)

    def _note(self, **what: Any) -> None:
        os.write(self._out, (json.dumps(what) + "\n").encode())


def notes(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def lose_unsynced(root: Path, before: Path, noted: list[dict[str, Any]], rest: Rest) -> list[str]:
    """Take away from `root` what may be gone; returns what that was. `before` is how it was when it was last quiet."""
    names: dict[str, dict[str, int]] = {}
    sizes: dict[int, int] = {}
    for note in noted:
        if "folder" in note:
            names.setdefault(note["folder"], {}).update(note["names"])
        elif "file" in note:
            sizes[note["file"]] = note["size"]
    gone = []
    for path in sorted(root.rglob("*"), key=lambda one: (-len(one.parts), one)):
        inside = str(path.relative_to(root))
        if (inside + "/").startswith(NOT_MODELLED) or inside.startswith(NOT_MODELLED[0]) or (before / inside).is_dir():
            continue
        named = names.get(str(path.parent), {}).get(path.name) == path.stat().st_ino or (before / inside).exists()
        if path.is_dir():
            if not named:
                gone.append(inside)
                shutil.rmtree(path)
        elif not _as_before(path, before / inside):
            whole = sizes.get(path.stat().st_ino) == path.stat().st_size
            if not named or (not whole and rest == "missing"):
                gone.append(inside)
                path.unlink()
            elif not whole:
                gone.append(inside)
                path.write_bytes(b"")
    return gone


def _as_before(path: Path, before: Path) -> bool:
    return before.is_file() and before.read_bytes() == path.read_bytes()


def cuts(wal: bytes, synced: int, written: int) -> Iterator[tuple[str, bytes]]:
    """What may be left of a WAL of which `synced` frames were synced and `written` were written."""
    for frames in range(synced, written):
        end = HEADER + frames * FRAME
        yield f"{frames} of {written} frames", wal[:end]
        yield f"{frames} of {written} frames, and a half", wal[: end + FRAME // 2]
    end = HEADER + written * FRAME
    yield "the last page torn", wal[: end - 2048] + os.urandom(2048)
    yield "the last frame's header torn", wal[: end - FRAME] + os.urandom(24) + wal[end - FRAME + 24 : end]


def cut(root: Path, wal: bytes) -> None:
    (root / "state" / "events.db-wal").write_bytes(wal)
    (root / "state" / "events.db-shm").unlink(missing_ok=True)
