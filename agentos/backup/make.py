"""Making a backup while the platform runs.

The order is what makes it consistent: the log first, in one read transaction; then the blobs and keys, which are
durable before an event names them; then the world, which may be ahead of the log, as it is after a crash: a restore
adopts that.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

import apsw

from agentos.backup import repository
from agentos.backup.copying import copy_file, entry_of, link_file, sync_tree, walk, write_new
from agentos.backup.keys import keys_name, read_keys
from agentos.backup.manifest import (
    BLOBS,
    BUNDLE,
    KEYS,
    LOG,
    NAME,
    PARTIAL,
    WORLD,
    Entry,
    Manifest,
    SiteNote,
    backups_in,
    read_manifest,
)
from agentos.backup.snapshot import Snapshot, snapshot
from agentos.effects.durable import only_writer
from agentos.errors import AgentOSError, StorageError, WorkspaceError
from agentos.events.types import BackedUp
from agentos.ids import digest
from agentos.platform import Store
from agentos.secrets.keyring import sync_folder

Tell = Callable[[str], None]
Lock = Callable[[Mapping[str, bytes]], bytes]
"""Encrypts the clients' keys: `agentos.backup.keys.lock` with the passphrase."""
_FILES = ("agentos.toml", "policy.toml", "rules.toml", "monitor.toml", ".gitignore")
_FOLDERS = ("clients", "knowledge", "recipes", "inbox", "books", "outbox", "site")


@dataclass(frozen=True)
class Made:
    """`linked`: files that are shared with the backup before this one. `trouble`: why it was not noted in the log."""

    path: Path
    manifest: Manifest
    bytes: int
    linked: int
    trouble: str = ""


def back_up(
    store: Store, folder: Path, lock: Lock, *, now: datetime, keys_into: Path | None = None, tell: Tell = lambda _: None
) -> Made:
    """Make a dated backup in `folder`. Raises AgentOSError; what was there before stays as it was."""
    root, folder = store.root.resolve(), Path(os.path.abspath(folder.expanduser()))
    _refuse_inside(root, folder)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _aside(folder) as partial:
            path = folder / _free_name(folder, now)
            made = _Making(root, partial, _newest(folder), lock, now, tell)
            manifest = made.all(None if keys_into is None else keys_into / keys_name(path))
            _publish(partial, path)
    except OSError as error:
        raise StorageError(
            f"The backup was not made: {error.filename or folder}: {error.strerror}.",
            hint="Make room or mend the permissions, and run it again. Earlier backups are as they were.",
            code="backup.failed",
        ) from error
    size = sum(entry.size for entry in manifest.files.values())
    return Made(path, manifest, size, made.linked, _note(store, path, manifest, size))


class _Making:
    """One backup on its way: every method adds its files and their entries."""

    def __init__(self, root: Path, to: Path, before: Path | None, lock: Lock, now: datetime, tell: Tell) -> None:
        self._root, self._to, self._before, self._lock, self._now, self._tell = root, to, before, lock, now, tell
        self._old: Mapping[str, Entry] = read_manifest(before).files if before is not None else {}
        self._files: dict[str, Entry] = {}
        self._left_out: list[str] = []
        self.linked = 0

    def all(self, keys_into: Path | None) -> Manifest:
        log = self._log()
        blobs = self._blobs()
        keys, keys_digest = self._keys(keys_into)
        site = self._world()
        manifest = Manifest(
            program=f"agentos {version('agentos-solo')}", made_at=self._now, epoch=log.epoch, seq=log.seq,
            hash=log.hash, blobs=blobs, keys=keys, keys_digest=keys_digest, site=site, left_out=self._left_out,
            files=dict(sorted(self._files.items())),
        )  # fmt: skip
        write_new(self._to / NAME, manifest.model_dump_json(indent=1).encode())
        return manifest

    def _log(self) -> Snapshot:
        self._tell("log")
        taken = snapshot(self._root / "state" / "events.db", self._to / LOG)
        self._files[LOG] = entry_of(self._to / LOG)
        return taken

    def _blobs(self) -> int:
        found = sorted((self._root / "state" / "blobs").glob("??/*"))
        names = [path for path in found if not path.name.startswith(".")]
        for nth, path in enumerate(names):
            if nth % 1000 == 0:
                self._tell(f"blobs {nth}/{len(names)}")
            self._blob(path)
        return len(names)

    def _blob(self, path: Path) -> None:
        name, below = path.parent.name + path.name, f"{BLOBS}/{path.parent.name}/{path.name}"
        if self._link(below, name):
            return
        entry = copy_file(path, self._to / below)
        if entry.digest != name:
            raise AgentOSError(
                f"Blob {name[:12]} was altered, so this would be no true backup.",
                hint="Run `agentos log verify`, and restore it from an earlier backup.",
                code="blob.altered",
            )
        self._files[below] = entry

    def _link(self, below: str, digest: str) -> bool:
        """Where the backup before this one has the same bytes under the same name, they are shared with it."""
        old = self._old.get(below)
        if self._before is None or old is None or old.digest != digest:
            return False
        if not link_file(self._before / below, self._to / below, old.size):
            return False
        self._files[below] = old
        self.linked += 1
        return True

    def _keys(self, elsewhere: Path | None) -> tuple[int, str]:
        self._tell("keys")
        keys = read_keys(self._root / "state" / "keys")
        locked = self._lock(keys)
        if elsewhere is None:
            self._files[KEYS] = write_new(self._to / KEYS, locked)
        else:
            write_new(elsewhere, locked)
            sync_folder(elsewhere.parent)
        return len(keys), digest(locked)

    def _world(self) -> SiteNote | None:
        """The operator's files and the outside systems', each system's under its own lock."""
        for name in _FILES:
            if (self._root / name).is_file():
                self._file(self._root / name)
        with ExitStack() as locks:
            for place in ("books", "books/invoices", "outbox"):
                if (self._root / place).is_dir():
                    locks.enter_context(only_writer(self._root / place))
            for folder in _FOLDERS[:-1]:
                self._folder(folder)
        with repository.at_rest(self._root / "site", _branch(self._root)):
            self._folder("site")
            note = repository.bundle(self._root / "site", self._to / BUNDLE)
        if (self._to / BUNDLE).exists():
            self._files[BUNDLE] = entry_of(self._to / BUNDLE)
        return note

    def _folder(self, folder: str) -> None:
        self._tell(folder)
        for path in walk(self._root, folder, self._left_out):
            self._file(path)

    def _file(self, path: Path) -> None:
        below = f"{WORLD}/{path.relative_to(self._root).as_posix()}"
        try:
            if not self._link(below, entry_of(path).digest):
                self._files[below] = copy_file(path, self._to / below)
        except FileNotFoundError:  # moved or deleted meanwhile: it is in the next one, or gone
            (self._to / below).unlink(missing_ok=True)


def _refuse_inside(root: Path, folder: Path) -> None:
    if folder.resolve().is_relative_to(root):
        raise WorkspaceError(
            f"{folder} lies inside the workspace.",
            hint="Name a folder elsewhere, best on another disk: agentos backup DIR",
            code="backup.inside",
        )


def _newest(folder: Path) -> Path | None:
    """The newest backup that can be read: what is unchanged since is linked from there."""
    for backup in reversed(backups_in(folder)):
        try:
            read_manifest(backup)
        except AgentOSError:
            continue
        return backup
    return None


@contextmanager
def _aside(folder: Path) -> Iterator[Path]:
    """A folder under a name that no one takes for a backup. What killed runs left behind is removed first."""
    for left in folder.glob(f"{PARTIAL}*"):
        _remove_if_dead(left)
    partial = folder / f"{PARTIAL}{os.getpid()}-{os.urandom(4).hex()}"
    partial.mkdir(mode=0o700)
    handle = os.open(partial, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield partial
    finally:
        if partial.exists():
            shutil.rmtree(partial, ignore_errors=True)
        os.close(handle)


def _remove_if_dead(partial: Path) -> None:
    try:
        handle = os.open(partial, os.O_RDONLY)
    except OSError:
        return
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(partial, ignore_errors=True)
    except BlockingIOError:  # another backup is being made
        return
    finally:
        os.close(handle)


def _publish(partial: Path, path: Path) -> None:
    sync_tree(partial)
    partial.rename(path)
    sync_folder(path.parent)


def _free_name(folder: Path, now: datetime) -> str:
    """By its second in UTC, so that names sort by time."""
    name, nth = f"{now:%Y-%m-%dT%H%M%SZ}", 1
    while (folder / (name if nth == 1 else f"{name}-{nth}")).exists():
        nth += 1
    return name if nth == 1 else f"{name}-{nth}"


def _branch(root: Path) -> str | None:
    from agentos.workspace.load import load_configuration

    try:
        return load_configuration(root).site.branch
    except WorkspaceError:
        return None


def _note(store: Store, path: Path, manifest: Manifest, size: int) -> str:
    """The backup stands whether or not the log can say so."""
    fact = BackedUp(
        backup=path.name, folder=str(path.parent), seq=manifest.seq, hash=manifest.hash, files=len(manifest.files),
        bytes=size,
    )  # fmt: skip
    try:
        store.log.append(fact.on("platform", actor="operator"))
    except (AgentOSError, apsw.Error) as error:
        return str(error)
    return ""
