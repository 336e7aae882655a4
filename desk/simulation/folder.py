"""Where a simulation is made: beside its place, under a name that says it is not whole, and renamed when it is."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from agentos.errors import WorkspaceError
from agentos.secrets.keyring import sync_folder

PARTIAL = ".partial"
ABOUT = "state/simulation.json"
"""What was simulated: seed, days, dates, digest of the story."""


@contextmanager
def made_aside(target: Path) -> Iterator[tuple[Path, bool]]:
    """An empty folder to work in, and whether a simulation was interrupted here before; it takes `target`'s place when
    the block ends well.

    Killed, it leaves TARGET.partial, which the next one throws away: `target` itself is absent, empty, or whole. Raises
    WorkspaceError for a target that holds something, and while another process simulates into it.
    """
    target = target.expanduser().absolute()
    _refuse_occupied(target)
    aside = target.with_name(f"{target.name}{PARTIAL}")
    lock = target.with_name(f".{target.name}{PARTIAL}.lock")
    target.parent.mkdir(parents=True, exist_ok=True)
    ours = lock.exists()  # it is taken away only once all is whole
    with open(lock, "w") as held:
        _lock(held.fileno(), target)
        interrupted = _cleared(aside, ours)
        aside.mkdir()
        yield aside, interrupted
        _refuse_occupied(target)
        os.rename(aside, target)
        sync_folder(target.parent)
        lock.unlink(missing_ok=True)


def note(folder: Path, **about: Any) -> None:
    """Say what this workspace is; readers of a simulated history take it from here."""
    path = folder / ABOUT
    path.parent.mkdir(mode=0o700, exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        json.dump(about, file, indent=2)
        file.flush()
        os.fsync(file.fileno())


def _refuse_occupied(target: Path) -> None:
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise WorkspaceError(
            f"{target} is not empty.",
            hint="Name an empty or a new folder: nothing is ever mixed into a workspace of yours.",
            code="workspace.occupied",
        )


def _cleared(aside: Path, ours: bool) -> bool:
    """Throw away what an interrupted simulation left, and nothing that is not one."""
    if not aside.exists():
        return False
    if not ours:
        raise WorkspaceError(
            f"{aside} is in the way, and no simulation has made it.", hint="Move it away.", code="workspace.occupied"
        )
    shutil.rmtree(aside)
    return True


def _lock(handle: int, target: Path) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise WorkspaceError(
            f"Another process simulates into {target} right now.", hint="Wait for it.", code="workspace.busy"
        ) from None
