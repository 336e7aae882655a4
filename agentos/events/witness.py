"""The head's hash, kept outside the log: a cut tail leaves an intact chain, and only a witness elsewhere can tell."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path


class Witness:
    """A text file of "seq hash" lines, in the books and not in state/, so that it is backed up with them."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._newest: tuple[int, bytes] = (0, b"")
        self._noted = 0

    def note(self, seq: int, hash: bytes) -> None:
        """Append one line, durably. From several threads at once, the newest is noted for all: its hash rests on the
        others'. A line cut short by a crash is passed over when reading."""
        self._newest = max(self._newest, (seq, hash))
        with self._lock:
            if seq > self._noted:
                newest = self._newest
                self._write(*newest)
                self._noted = newest[0]

    def _write(self, seq: int, hash: bytes) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with open(self._path, "ab") as file:
            file.write(f"{seq} {hash.hex()}\n".encode())
            file.flush()
            os.fsync(file.fileno())

    def last(self) -> tuple[int, bytes] | None:
        """The newest note, read from the file's end."""
        try:
            with open(self._path, "rb") as file:
                file.seek(max(os.fstat(file.fileno()).st_size - _LINES, 0))
                lines = file.read().decode("ascii", "replace").splitlines()
        except (FileNotFoundError, NotADirectoryError):
            return None
        return next((note for line in reversed(lines) if (note := _note(line)) is not None), None)

    def notes(self) -> Iterator[tuple[int, bytes]]:
        try:
            lines = self._path.read_text(encoding="ascii", errors="replace").splitlines()
        except (FileNotFoundError, NotADirectoryError):
            return
        for line in lines:
            if (note := _note(line)) is not None:
                yield note


_LINES = 1024
"""Bytes at the file's end that hold a few whole lines."""


def _note(line: str) -> tuple[int, bytes] | None:
    seq, _, hash = line.partition(" ")
    try:
        return (int(seq), bytes.fromhex(hash)) if seq.isdigit() and len(hash) == 64 else None
    except ValueError:
        return None


def witness_of(root: Path) -> Witness:
    return Witness(root / "books" / "log-witness.txt")
