"""Restoring a backup: into an empty folder, or over a workspace whose world has gone on since.

A backup rewinds the log, not the world: what stands outside is never overwritten, and what is missing comes back. All
steps may be killed and done again. `.restoring/` says that one is under way; no command uses the workspace meanwhile:

1. `.restoring/note.json` fixes the new epoch and the name that the old state will have.
2. Missing files of the world are put into their places.
3. The new state is built in `.restoring/state`, with `platform.restored` in its log, and renamed to `state.ready`.
4. `state/` is renamed aside, `state.ready` becomes `state/`.
5. `.restoring/` is removed.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from agentos.backup.check import check, refuse_damaged
from agentos.backup.copying import copy_file, sync_tree, write_new
from agentos.backup.manifest import BLOBS, LOG, Manifest
from agentos.backup.note import Note, begin
from agentos.backup.rewinding import append_restored, is_restored, tombstones
from agentos.backup.world import Returned, bring_back_world
from agentos.clock import Clock
from agentos.errors import StorageError, WorkspaceError
from agentos.secrets.keyring import sync_folder
from agentos.tasks.lease import is_taken
from agentos.workspace.find import CONFIGURATION, UNFINISHED
from agentos.workspace.pulse import is_served

Tell = Callable[[str], None]
_READY = "state.ready"
_EXAMPLES_MADE = "state/examples-made"


@dataclass(frozen=True)
class Restored:
    """`aside`: the folder with the state that was there before, None where there was none."""

    root: Path
    backup: Path
    manifest: Manifest
    epoch: str
    aside: Path | None
    world: Returned


def restore(
    backup: Path, root: Path, keys: Mapping[str, bytes], *, clock: Clock, tell: Tell = lambda _: None
) -> Restored:
    """Restore a whole backup with its unlocked keys. Raises AgentOSError before anything is touched, or when the disk
    fails: then the same call goes on."""
    found = check(backup, tell)
    refuse_damaged(found)
    _refuse_unfit(root)
    try:
        note = begin(root, backup, found.manifest, clock.now())
        _refuse_busy(root, note)
        tell("world")
        world = bring_back_world(backup, found.manifest, root, note, forgotten=tombstones(root, note, keys))
        tell("log")
        if not is_restored(root, note):
            if not (root / UNFINISHED / _READY).exists():
                _build(backup, found.manifest, root, keys, note, clock)
            _swap(root, note)
        _finish(root, note)
    except OSError as error:
        raise StorageError(
            f"The restore stopped: {error.filename or root}: {error.strerror}.",
            hint="Make room or mend the permissions, and run the same command again.",
            code="restore.failed",
        ) from error
    aside = root / note.aside
    return Restored(root, backup, found.manifest, note.epoch, aside if aside.exists() else None, world)


def _refuse_unfit(root: Path) -> None:
    if root.exists() and not root.is_dir():
        raise WorkspaceError(f"{root} is a file.", hint="Name a folder.", code="restore.occupied")
    if root.is_dir() and any(root.iterdir()) and not _is_ours(root):
        raise WorkspaceError(
            f"{root} is not empty and is no workspace.", hint="Name an empty or a new folder.", code="restore.occupied"
        )


def _is_ours(root: Path) -> bool:
    return (root / CONFIGURATION).is_file() or (root / UNFINISHED).is_dir()


def _refuse_busy(root: Path, note: Note) -> None:
    """From the note on, nobody new comes in; who is inside already must leave first."""
    state = root / "state"
    leases = [path.name for path in (state / "leases").glob("*") if is_taken(state / "leases", path.name)]
    if not leases and not is_served(root):
        return
    if not (root / UNFINISHED / _READY).exists() and not (root / UNFINISHED / "state").exists():
        shutil.rmtree(root / UNFINISHED)
    raise WorkspaceError(
        f"Somebody works in {root} right now.",
        hint="Stop `agentos up` with Ctrl-C, wait for running tasks, and run it again.",
        code="restore.busy",
    )


def _build(backup: Path, manifest: Manifest, root: Path, keys: Mapping[str, bytes], note: Note, clock: Clock) -> None:
    """The new state, from nothing each time: a half-built one is worth nothing."""
    state, ready = root / UNFINISHED / "state", root / UNFINISHED / _READY
    shutil.rmtree(state, ignore_errors=True)
    state.mkdir(mode=0o700)
    copy_file(backup / LOG, state / LOG)
    for below in manifest.files:
        if below.startswith(f"{BLOBS}/"):
            copy_file(backup / below, state / below)
    gone = tombstones(root, note, keys)
    for name in keys.keys() | gone:
        write_new(state / "keys" / name, b"" if name in gone else keys[name])
    _keep_newer_keys(root / "state" / "keys", state / "keys")
    write_new(root / UNFINISHED / _EXAMPLES_MADE, b"The examples were made.\n", 0o644)
    append_restored(root, state, backup.name, manifest, note, clock)
    sync_tree(state)
    state.rename(ready)
    sync_folder(ready.parent)


def _keep_newer_keys(old: Path, new: Path) -> None:
    """Clients that came after the backup: what the world holds of them may be adopted, and is sealed with their key."""
    for path in old.glob("*.key"):
        if not (new / path.name).exists():
            write_new(new / path.name, path.read_bytes())


def _swap(root: Path, note: Note) -> None:
    """Two renames. Between them there is no state at all, and the note says so."""
    state, aside, ready = root / "state", root / note.aside, root / UNFINISHED / _READY
    if state.exists() and not aside.exists():
        with suppress(OSError):
            (state / "STOPPED").touch()  # for a reader that still has the old log open
        state.rename(aside)
        sync_folder(root)
    ready.rename(state)
    sync_folder(root)


def _finish(root: Path, note: Note) -> None:
    """One rename ends it; the remains go after that."""
    done = root / f".restored-{note.epoch}"
    (root / UNFINISHED).rename(done)
    sync_folder(root)
    for remains in root.glob(".restored-*"):
        shutil.rmtree(remains, ignore_errors=True)
