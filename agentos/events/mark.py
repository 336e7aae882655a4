"""Up to where the log was verified last: what every worker begins from, so that opening costs what is new."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from agentos.events.chain import GENESIS

START = (0, GENESIS)


class Mark:
    """`state/verified`: one line "seq hash". A mark that can't be read means: verify from the first event."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> tuple[int, bytes]:
        try:
            seq, _, hash = self._path.read_text("ascii").strip().partition(" ")
            return (int(seq), bytes.fromhex(hash)) if len(hash) == 64 and int(seq) > 0 else START
        except (OSError, ValueError):
            return START

    def clear(self) -> None:
        self._path.unlink(missing_ok=True)

    def write(self, seq: int, hash: bytes) -> None:
        """As one step: two workers may write at once, and each one's mark is true."""
        aside = self._path.with_name(f".{self._path.name}-{os.getpid()}-{os.urandom(6).hex()}")
        try:
            aside.write_text(f"{seq} {hash.hex()}\n", "ascii")
            os.replace(aside, self._path)
        except OSError:  # a full disk, or one that can't be written: the next worker verifies a little more
            with suppress(OSError):
                aside.unlink(missing_ok=True)
