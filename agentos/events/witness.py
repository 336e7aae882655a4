"""The head's hash, kept outside the log: a cut tail leaves an intact chain, and only a witness elsewhere can tell."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path


class Witness:
    """A text file of "seq hash" lines, in the books and not in state/, so that it is backed up with them."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def note(self, seq: int, hash: bytes) -> None:
        """Append one line. A line cut short by a crash is passed over when reading."""
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
