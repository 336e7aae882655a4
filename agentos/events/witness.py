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

    def notes(self) -> Iterator[tuple[int, bytes]]:
        try:
            lines = self._path.read_text(encoding="ascii", errors="replace").splitlines()
        except (FileNotFoundError, NotADirectoryError):
            return
        for line in lines:
            seq, _, hash = line.partition(" ")
            if seq.isdigit() and len(hash) == 64:
                try:
                    yield int(seq), bytes.fromhex(hash)
                except ValueError:
                    continue


def witness_of(root: Path) -> Witness:
    return Witness(root / "books" / "log-witness.txt")
