"""Files copied so that they survive: hashed on the way, synced, and linked where an earlier copy has the same bytes."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

from agentos.backup.manifest import Entry
from agentos.secrets.keyring import sync_folder

_CHUNK = 1 << 20
_PASSING = re.compile(r"^\.lock$|^\..*\.part$|^\.agentos-init-")
"""Locks and files on their way to their names."""


def entry_of(path: Path) -> Entry:
    hashed, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            hashed.update(chunk)
            size += len(chunk)
    return Entry(size=size, digest=hashed.hexdigest())


def copy_file(source: Path, target: Path) -> Entry:
    """Copy, durable when it returns. The entry is that of the bytes that were written."""
    target.parent.mkdir(parents=True, exist_ok=True)
    hashed, size = hashlib.sha256(), 0
    with source.open("rb") as file, target.open("wb") as out:
        while chunk := file.read(_CHUNK):
            hashed.update(chunk)
            size += out.write(chunk)
        out.flush()
        os.fsync(out.fileno())
    return Entry(size=size, digest=hashed.hexdigest())


def link_file(source: Path, target: Path, size: int) -> bool:
    """A second name for the same bytes. False where the disk knows no links, or `source` is not what it was."""
    try:
        if source.stat().st_size != size:
            return False
        target.parent.mkdir(parents=True, exist_ok=True)
        os.link(source, target)
    except OSError:
        return False
    return True


def write_new(path: Path, data: bytes, mode: int = 0o600) -> Entry:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with open(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    return Entry(size=len(data), digest=hashlib.sha256(data).hexdigest())


def sync_tree(folder: Path) -> None:
    """Make every name below `folder` durable; the files themselves are synced as they are written."""
    for base, _, _ in os.walk(folder):
        sync_folder(Path(base))


def walk(root: Path, folder: str, left_out: list[str]) -> Iterator[Path]:
    """Files below root/folder in a fixed order, without locks, half-written files and git's own folder. Links that lead
    out of the workspace, and names that are not UTF-8, go to `left_out`."""
    for base, folders, files in os.walk(root / folder):
        folders[:] = sorted(name for name in folders if name != ".git")
        for name in sorted(files):
            path = Path(base, name)
            if _PASSING.search(name) or not path.is_file():
                continue
            if _is_named(name) and (not path.is_symlink() or path.resolve().is_relative_to(root.resolve())):
                yield path
            else:
                left_out.append(path.relative_to(root).as_posix().encode("utf-8", "replace").decode())


def _is_named(name: str) -> bool:
    """Whether its name is text: a manifest is JSON, and holds no other."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
