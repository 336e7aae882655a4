"""`.restoring/note.json`: what a restore has fixed before it begins, so that a second run does the same."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from agentos.backup.manifest import Manifest
from agentos.effects.durable import write_file
from agentos.errors import WorkspaceError
from agentos.ids import uuid7
from agentos.secrets.keyring import sync_folder
from agentos.workspace.find import UNFINISHED

_NAME = "note.json"


class Note(BaseModel):
    """`had_site`, `had_mails`: what of the world stood there before the first run, which a second one can't tell."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    backup: str
    hash: str
    """Head of the backup's log: a second run must be of the same backup."""
    epoch: str
    aside: str
    had_site: bool
    had_mails: frozenset[str]


def begin(root: Path, backup: Path, manifest: Manifest, now: datetime) -> Note:
    """The note of the restore that is under way, else a new one. Raises WorkspaceError when it is of another backup."""
    place = root / UNFINISHED / _NAME
    known = _read(place)
    if known is not None and known.hash == manifest.hash and known.backup == backup.name:
        return known
    if known is not None and ((root / known.aside).exists() or not (root / "state").is_dir()):
        raise WorkspaceError(
            f"A restore of the backup {known.backup} is under way here.",
            hint=f"Finish that one first: name the folder {known.backup}.",
            code="restore.other",
        )
    note = Note(
        backup=backup.name, hash=manifest.hash, epoch=uuid7(int(now.timestamp() * 1000)), aside=_aside(root, now),
        had_site=(root / "site" / ".git").exists(), had_mails=_mails(root / "outbox"),
    )  # fmt: skip
    root.mkdir(parents=True, exist_ok=True)
    write_file(place, note.model_dump_json().encode())
    sync_folder(root)
    return note


def _read(place: Path) -> Note | None:
    """None also for a first run that was killed before its note stood."""
    try:
        return Note.model_validate_json(place.read_bytes())
    except (FileNotFoundError, ValidationError):
        return None


def _aside(root: Path, now: datetime) -> str:
    name, nth = f"state.before-{now:%Y-%m-%dT%H%M%SZ}", 1
    while (root / (name if nth == 1 else f"{name}-{nth}")).exists():
        nth += 1
    return name if nth == 1 else f"{name}-{nth}"


def _mails(outbox: Path) -> frozenset[str]:
    """By name, wherever in the outbox they have gone: a mail that was sent or recalled must not wait again."""
    return frozenset(path.name for path in outbox.rglob("*.eml"))
