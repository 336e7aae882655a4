"""One key per client, kept apart from the log: destroying it forgets the client, and the log still verifies."""

from __future__ import annotations

import os
from pathlib import Path

from agentos.ids import digest

_KEY_BYTES = 64  # AES-256-SIV takes a double-length key (RFC 5297)


class KeyRing:
    """Keys as files of mode 0600, named by the digest of the subject so that a listing shows no names."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._known: dict[str, bytes | None] = {}

    def get(self, subject: str) -> bytes | None:
        """The key, or None when it was destroyed or never made."""
        if subject not in self._known:
            try:
                self._known[subject] = self._path(subject).read_bytes() or None
            except FileNotFoundError:
                return None
        return self._known[subject]

    def get_or_make(self, subject: str) -> bytes | None:
        """The key, made durable first where the subject is new. None means forgotten: nothing is to be written of
        it."""
        if subject not in self._known and not self._path(subject).exists():
            self._make(subject)
        return self.get(subject)

    def destroy(self, subject: str) -> None:
        """Overwrite and truncate: the empty file stays, so that the subject can't come back under a new key."""
        path = self._path(subject)
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(path, "ab") as old:
            size = old.tell()
        with open(path, "r+b") as file:
            file.write(os.urandom(size))
            file.flush()
            os.fsync(file.fileno())
            file.truncate(0)
            os.fsync(file.fileno())
        self._known[subject] = None

    def _make(self, subject: str) -> None:
        make_folder(self.folder, 0o700)
        aside = self.folder / f".{os.getpid()}-{os.urandom(6).hex()}"
        handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(handle, "wb") as file:
            file.write(os.urandom(_KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(aside, self._path(subject))  # two processes may race: the first one's key stands
        except FileExistsError:
            pass
        finally:
            aside.unlink()
        sync_folder(self.folder)

    def _path(self, subject: str) -> Path:
        return self.folder / key_name(subject)


def key_name(subject: str) -> str:
    return f"{digest(subject.encode())[:32]}.key"


def make_folder(folder: Path, mode: int = 0o777) -> None:
    """Make it where it is missing, and its name durable: a file in a folder that a power cut takes away is gone."""
    if not folder.is_dir():
        make_folder(folder.parent)
        folder.mkdir(mode=mode, exist_ok=True)
        sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:
    """Make a rename or a new name in `folder` durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
