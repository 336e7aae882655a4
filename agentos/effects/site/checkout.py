"""Brings the working folder and the index to a new commit, around whatever the operator has changed there.

A note in the git folder says which commit is on its way. It is written before the branch moves and removed when the
folder has followed, so whoever opens the repository next finishes what a killed process began.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from agentos.effects.durable import write_file
from agentos.effects.site.locks import set_aside_if_stale
from agentos.effects.site.repository import Repository
from agentos.errors import Transient


@dataclass(frozen=True)
class _Change:
    """One path between two commits; None stands for "not there". Names are git's object names."""

    path: str
    old: str | None
    new: str | None


def announce(repository: Repository, old: str | None, new: str) -> None:
    write_file(_note(repository), json.dumps({"old": old, "new": new}).encode())


def follow(repository: Repository) -> None:
    """Finishes the announced move, if there is one and the branch has really moved."""
    note = _note(repository)
    try:
        moved = json.loads(note.read_bytes())
    except FileNotFoundError:
        return
    tip = repository.tip()
    if tip is None or not repository.contains(moved["new"], tip):
        note.unlink()
        return
    if repository.checked_out() == repository.ref and not _bring(repository, moved["old"], tip):
        return
    note.unlink()


def overwrite(repository: Repository, path: str, data: bytes) -> None:
    """Puts a file back over what the operator has made of it; her text is kept in git."""
    if repository.checked_out() != repository.ref:
        return
    target = repository.root / path
    if target.is_symlink() or target.is_dir() or not target.parent.resolve().is_relative_to(repository.root.resolve()):
        return
    present = target.read_bytes() if target.exists() else None
    if present == data:
        return
    if present is not None:
        repository.keep(present)
    write_file(target, data)


def _note(repository: Repository) -> Path:
    return repository.git_dir / "agentos" / "on-its-way"


def _bring(repository: Repository, old: str | None, new: str) -> bool:
    """False while git's index is locked by somebody: the files have followed, the index will the next time."""
    changes = _changes(repository, old, new)
    names = sorted({name for change in changes for name in (change.old, change.new) if name})
    content = dict(zip(names, repository.blobs(names), strict=True))
    for change in changes:
        _place(repository.root, change, content)
    return _stage(repository, changes)


def _changes(repository: Repository, old: str | None, new: str) -> list[_Change]:
    start = old or repository.git("hash-object", "-t", "tree", "/dev/null").stdout.strip()
    fields = repository.git("diff-tree", "-r", "-z", "--no-renames", start, new).stdout.split("\0")
    changes = []
    for head, path in zip(fields[0::2], fields[1::2], strict=False):
        old_mode, new_mode, before, after, _ = head.removeprefix(":").split(" ")
        if {old_mode, new_mode} <= {"000000", "100644", "100755"}:
            changes.append(_Change(path, _name(before), _name(after)))
    return changes


def _name(name: str) -> str | None:
    return None if set(name) == {"0"} else name


def _place(root: Path, change: _Change, content: dict[str, bytes]) -> None:
    """Only a file that is exactly as the old commit had it is touched: anything else is the operator's work."""
    target = root / change.path
    if not target.parent.resolve().is_relative_to(root.resolve()) or target.is_symlink() or target.is_dir():
        return
    before = content[change.old] if change.old else None
    try:
        present = target.read_bytes() if target.exists() else None
        if present != before:
            return
        if change.new is None:
            target.unlink(missing_ok=True)
        else:
            write_file(target, content[change.new])
    except OSError as error:
        raise Transient(
            f"The site is published, but {change.path} could not be written: {error.strerror}.",
            hint=f"Look at {root} and try again.",
        ) from error


def _stage(repository: Repository, changes: list[_Change]) -> bool:
    listed = repository.git("ls-files", "-s", "-z").stdout.split("\0")
    staged = {path: head.split(" ")[1] for head, _, path in (row.partition("\t") for row in listed if row)}
    gone = "0" * 40
    rows = [
        f"100644 {change.new} 0\t{change.path}\0" if change.new else f"0 {change.old or gone} 0\t{change.path}\0"
        for change in changes
        if staged.get(change.path) == change.old
    ]
    if not rows:
        return True
    if not set_aside_if_stale(repository.git_dir / "index.lock", repository.root):
        return False
    return repository.git("update-index", "-z", "--index-info", input="".join(rows).encode(), codes=(0, 128)).ok
