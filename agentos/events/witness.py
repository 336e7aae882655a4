"""The head's hash, kept outside the log: a cut tail leaves an intact chain, and only a witness elsewhere can tell."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agentos.events.log import Reader
from agentos.ids import digest

if TYPE_CHECKING:
    import asyncio


class Witness:
    """A text file of "seq hash" lines, in the books and not in state/, so that it is backed up with them."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._newest: tuple[int, bytes] = (0, b"")
        self._waiting: dict[asyncio.AbstractEventLoop, list[asyncio.Future[None]]] = {}

    def note(self, seq: int, hash: bytes) -> None:
        """Append one line, durably. A line cut short by a crash is passed over when reading."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with open(self._path, "ab") as file:
            file.write(f"{seq} {hash.hex()}\n".encode())
            file.flush()
            os.fsync(file.fileno())

    async def noted(self, seq: int, hash: bytes) -> None:
        """`note`, once for all that this turn of the loop brings: the newest hash rests on the others'. Raises
        OSError."""
        import asyncio

        loop = asyncio.get_running_loop()
        self._newest = max(self._newest, (seq, hash))
        done: asyncio.Future[None] = loop.create_future()
        self._waiting.setdefault(loop, []).append(done)
        loop.call_soon(self._turn, loop)
        await done

    def _turn(self, loop: asyncio.AbstractEventLoop) -> None:
        waiting = [one for one in self._waiting.pop(loop, []) if not one.done()]
        try:
            if waiting:
                self.note(*self._newest)
        except OSError as error:
            for one in waiting:
                one.set_exception(error)
        else:
            for one in waiting:
                one.set_result(None)

    def last(self, rewinds: Sequence[Mapping[str, Any]] = ()) -> tuple[int, bytes] | None:
        """The newest note; from the file's end, where no restore has rewound the log."""
        if rewinds:
            return next(iter(deque(self.notes(rewinds), maxlen=1)), None)
        try:
            with open(self._path, "rb") as file:
                file.seek(max(os.fstat(file.fileno()).st_size - _LINES, 0))
                lines = file.read().splitlines()
        except (FileNotFoundError, NotADirectoryError):
            return None
        return next((note for line in reversed(lines) if (note := _note(line)) is not None), None)

    def notes(self, rewinds: Iterable[Mapping[str, Any]] = ()) -> Iterator[tuple[int, bytes]]:
        """What was noted, but for heads of a history that a restore gave up (`rewinds`, see `PlatformRestored`)."""
        data = self._read()
        counted = [one for one in rewinds if digest(data[: one["size"]]) == one["digest"]]
        at = 0
        for line in data.splitlines(keepends=True):
            note = _note(line)
            if note is not None and not any(at < one["size"] and note[0] > one["after"] for one in counted):
                yield note
            at += len(line)

    def rewind(self, after: int) -> dict[str, Any]:
        """What a restore records: the heads after event `after` that stand here now are those of another history."""
        data = self._read()
        return {"after": after, "size": len(data), "digest": digest(data)}

    def _read(self) -> bytes:
        try:
            return self._path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return b""


_LINES = 1024
"""Bytes at the file's end that hold a few whole lines."""


def _note(line: bytes) -> tuple[int, bytes] | None:
    seq, _, hash = line.decode("ascii", "replace").strip().partition(" ")
    if not seq.isdigit() or len(hash) != 64:
        return None
    try:
        return int(seq), bytes.fromhex(hash)
    except ValueError:
        return None


def rewinds_of(reader: Reader) -> list[dict[str, Any]]:
    """All that restores have recorded of histories that were given up."""
    found = reader.read(stream="platform", types=("platform.restored",))
    return [rewind for record in found for rewind in record.data["rewinds"]]


def witness_of(root: Path) -> Witness:
    return Witness(root / "books" / "log-witness.txt")
