"""A lease on one machine is an flock: a paused worker keeps it, a dead one frees it with its last child, clocks don't
matter."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from types import TracebackType

from agentos.errors import Refused, StorageError
from agentos.process import inherit, release


class Taken(Refused):
    """Another worker advances this task right now. Not a failure: it goes on there."""

    code = "lease.taken"


class Lease:
    """`with Lease(folder, task) as lease:` or raises Taken at once; StorageError where no lease can be written.
    Children get the descriptor (see agentos.process)."""

    def __init__(self, folder: Path, name: str) -> None:
        self._path = folder / name.replace("/", "-")
        self._fd: int | None = None

    def __enter__(self) -> Lease:
        fd = self._opened()
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            raise Taken(f"another worker is on {self._path.name}") from None
        os.set_inheritable(fd, True)
        inherit(fd)
        self._fd = fd
        return self

    def _opened(self) -> int:
        try:
            try:
                return os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
            except FileNotFoundError:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                return os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise StorageError(
                f"the lease of a task can't be taken ({error.strerror}): nothing was begun",
                hint="Free some space, or mend the permissions of the state/ folder, and run it again.",
                code="lease.unwritable",
            ) from error

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._fd is not None:
            release(self._fd)
            os.close(self._fd)  # the lock goes with the last descriptor: a child that still runs keeps it
            self._fd = None

    @property
    def held(self) -> bool:
        """Whether the claim that checks this may go on. Lease files are never deleted, so the inode is the lock's."""
        return self._fd is not None


def is_taken(folder: Path, name: str) -> bool:
    """Whether somebody holds it now: a look, for `status`, not a promise."""
    try:
        with Lease(folder, name):
            return False
    except Taken:
        return True
