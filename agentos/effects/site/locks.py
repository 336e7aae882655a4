"""Locks around the site's repository: our own between processes, and git's that a killed git left behind."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agentos.errors import Transient

STALE_AFTER = 600.0
"""Seconds. A lock younger than this is somebody's, alive or only just dead."""


@contextmanager
def exclusive(path: Path, *, patience: float = 30.0) -> Iterator[None]:
    """One process at a time; the kernel frees it with the process. Raises Transient after `patience` seconds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _wait_for(descriptor, patience)
        yield
    finally:
        os.close(descriptor)


def set_aside_if_stale(lock: Path, root: Path) -> bool:
    """Renames a lock file of git's that is old and that no living git in `root` can own. True when the way is free.

    An editor held open by `git commit -a` keeps the lock without keeping the file open, so age alone proves nothing:
    where the running processes can't be listed (no /proc) the lock stays.
    """
    try:
        age = time.time() - lock.stat().st_mtime
    except FileNotFoundError:
        return True
    if age < STALE_AFTER or not Path("/proc/self/cwd").exists() or _git_runs_in(root):
        return False
    lock.rename(lock.with_name(f"{lock.name}.stale-{time.time_ns()}"))
    return True


def _git_runs_in(root: Path) -> bool:
    inside = root.resolve()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            if not (entry / "comm").read_text().startswith("git"):
                continue
            where = Path(os.readlink(entry / "cwd"))
        except PermissionError:
            return True
        except OSError:
            continue
        if where == inside or inside in where.parents:
            return True
    return False


def _wait_for(descriptor: int, patience: float) -> None:
    until = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > until:
                raise Transient("Another process is publishing to the site.", retry_after=10) from None
            time.sleep(0.05)
