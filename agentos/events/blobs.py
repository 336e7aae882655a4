"""Large payloads: compressed, sealed where they are about a client, named by the digest of the stored bytes."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from agentos.errors import AgentOSError, StorageError
from agentos.ids import digest
from agentos.secrets.keyring import make_folder, sync_folder
from agentos.secrets.sealing import MARK, Sealer

_NAME = re.compile("[0-9a-f]{64}")


class Blobs:
    """A folder of immutable files. `put` returns only when the bytes are durable, so an event may name them."""

    def __init__(self, folder: Path, sealer: Sealer) -> None:
        self.folder = folder
        self.sealer = sealer

    def put(self, data: bytes, subject: str | None = None) -> str:
        """Store and return the digest (64 hex digits) of what was stored. Raises StorageError."""
        import zstandard

        stored = zstandard.ZstdCompressor(level=3).compress(data)
        if subject is not None:
            stored = self.sealer.seal(subject, "blob", stored)
        name = digest(stored)
        path = self.path(name)
        try:
            if not path.exists():
                _write_durably(path, stored)
        except OSError as error:
            raise StorageError(
                f"the blob folder {self.folder.name} can't be written ({error.strerror}): nothing was recorded",
                hint="Free some space, or mend the permissions of the state/ folder, and run it again.",
                code="blob.unwritable",
            ) from error
        return name

    def get(self, name: str, subject: str | None = None) -> bytes | None:
        """The bytes, checked against their name. None when their client was forgotten.

        Raises AgentOSError when the blob is missing or was altered.
        """
        import zstandard

        stored = self._read(name)
        if stored.startswith(MARK):
            opened = self.sealer.open(subject or "", "blob", stored)
            if opened is None:
                return None
            stored = opened
        return zstandard.ZstdDecompressor().decompress(stored)

    def names(self) -> Iterator[str]:
        for path in sorted(self.folder.glob("??/*")):
            if not path.name.startswith("."):
                yield path.parent.name + path.name

    def intact(self, name: str) -> bool:
        """Whether the stored bytes still have the digest that names them."""
        try:
            return digest(self.path(name).read_bytes()) == name
        except OSError:
            return False

    def path(self, name: str) -> Path:
        return self.folder / name[:2] / name[2:]

    def _read(self, name: str) -> bytes:
        try:
            stored = self.path(name).read_bytes()
        except FileNotFoundError:
            raise AgentOSError(f"blob {name[:12]} is missing", hint=_MEND, code="blob.missing") from None
        if digest(stored) != name:
            raise AgentOSError(f"blob {name[:12]} was altered", hint=_MEND, code="blob.altered")
        return stored


def blobs_in(value: Any) -> Iterator[str]:
    """Every blob that a payload names. A passage of knowledge/ names its file by its bytes' digest, which is none."""
    if isinstance(value, dict):
        of_a_file = value.get("origin") == "knowledge"
        for name, part in value.items():
            if name == "blob" and of_a_file:
                continue
            if name in ("$blob", "blob") and isinstance(part, str) and _NAME.fullmatch(part):
                yield part
            else:
                yield from blobs_in(part)
    elif isinstance(value, list):
        for part in value:
            yield from blobs_in(part)


_MEND = "Run `agentos log verify`, then restore it from a backup: `agentos restore`."


def _write_durably(path: Path, stored: bytes) -> None:
    make_folder(path.parent)
    aside = path.parent / f".{os.getpid()}-{os.urandom(6).hex()}"
    try:
        with open(aside, "xb") as file:
            file.write(stored)
            file.flush()
            os.fsync(file.fileno())
        os.replace(aside, path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)
