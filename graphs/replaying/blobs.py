"""The blobs of a replay."""

from __future__ import annotations

from agentos.events.blobs import Blobs
from agentos.ids import digest


class ReplayBlobs(Blobs):
    """Reads the blobs there are; what would be written is kept in memory."""

    def __init__(self, blobs: Blobs) -> None:
        super().__init__(blobs.folder, blobs.sealer)
        self._new: dict[str, bytes] = {}

    def put(self, data: bytes, subject: str | None = None) -> str:
        name = digest(data)
        self._new[name] = data
        return name

    def get(self, name: str, subject: str | None = None) -> bytes | None:
        return self._new[name] if name in self._new else super().get(name, subject)
