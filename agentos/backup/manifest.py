"""`manifest.json` of a backup: what lies in it, byte for byte, and which log it is a copy of."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from agentos.errors import AgentOSError

FORMAT = 1
NAME = "manifest.json"
PARTIAL = ".partial-"
WORLD, BLOBS, LOG, BUNDLE, KEYS = "workspace", "blobs", "events.db", "site.bundle", "keys/keys.age"


class Entry(BaseModel):
    """One file: bytes, and SHA-256 as 64 hex digits."""

    model_config = ConfigDict(frozen=True)

    size: int
    digest: str


class SiteNote(BaseModel):
    """What of the site's repository is not in its bundle. `heads`: branch -> commit."""

    model_config = ConfigDict(frozen=True)

    head: str | None
    heads: dict[str, str]
    settings: dict[str, str] = {}


class Manifest(BaseModel):
    """`files`: path below the backup -> entry. `seq` and `hash` are the head of the log that was copied, `epoch` the
    epoch it was in ("" before the first restore)."""

    model_config = ConfigDict(frozen=True)

    format: int = FORMAT
    program: str
    made_at: datetime
    epoch: str
    seq: int
    hash: str
    blobs: int
    keys: int
    keys_digest: str
    """Of the encrypted file, wherever it lies."""
    site: SiteNote | None
    left_out: list[str] = []
    """Links that lead out of the workspace, and names that are not UTF-8."""
    files: dict[str, Entry]

    @field_validator("files")
    @classmethod
    def _below(cls, files: dict[str, Entry]) -> dict[str, Entry]:
        """A manifest that somebody else wrote must not lead a restore out of its folder."""
        for name in files:
            if name.startswith("/") or {"..", "."} & set(name.split("/")):
                raise ValueError(f"{name!r} leads out of the backup")
        return files


def read_manifest(backup: Path) -> Manifest:
    """Raises AgentOSError when `backup` is no backup, or was made by a newer program."""
    try:
        manifest = Manifest.model_validate_json((backup / NAME).read_bytes())
    except OSError as error:
        raise AgentOSError(
            f"{backup} holds no backup ({NAME} can't be read: {error.strerror}).",
            hint="Name the folder that `agentos backup` made, or the one above it.",
            code="backup.none",
        ) from None
    except ValidationError:
        raise AgentOSError(
            f"{backup / NAME} is damaged.",
            hint="Take another backup: each dated folder is whole.",
            code="backup.damaged",
        ) from None
    if manifest.format > FORMAT:
        raise AgentOSError(
            f"The backup was made by a newer AgentOS ({manifest.program}).",
            hint="Restore it with that version.",
            code="backup.newer",
        )
    return manifest


def backups_in(folder: Path) -> list[Path]:
    """The whole backups below `folder`, oldest first. What was cut short has no final name, and is not listed."""
    if not folder.is_dir():
        return []
    return sorted(
        (one for one in folder.iterdir() if not one.name.startswith(".") and (one / NAME).is_file()),
        key=lambda one: one.name,
    )


def find_backup(place: Path) -> Path:
    """`place` itself, or the newest backup in it."""
    if (place / NAME).is_file():
        return place
    found = backups_in(place)
    if not found:
        raise AgentOSError(
            f"There is no backup in {place}.", hint="Make one with: agentos backup DIR", code="backup.none"
        )
    return found[-1]
