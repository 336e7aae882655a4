"""Whether a backup is what was made: every file's digest, the chain of the log, and, with the passphrase, the keys."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from agentos.backup.copying import entry_of
from agentos.backup.manifest import BLOBS, LOG, NAME, Manifest, read_manifest
from agentos.backup.snapshot import examine
from agentos.errors import AgentOSError

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Checked:
    """`faults`: sentences, empty when the backup is whole. A fault names the file it is in."""

    path: Path
    manifest: Manifest
    faults: tuple[str, ...]

    @property
    def ok(self) -> bool:
        return not self.faults


def check(backup: Path, tell: Tell = lambda _: None) -> Checked:
    """Read everything. Raises AgentOSError when there is no backup at all."""
    manifest = read_manifest(backup)
    faults = []
    for nth, (below, entry) in enumerate(manifest.files.items()):
        if nth % 1000 == 0:
            tell(f"files {nth}/{len(manifest.files)}")
        path = backup / below
        if not path.is_file():
            faults.append(f"{below} is missing")
        elif entry_of(path) != entry:
            faults.append(f"{below} was changed")
        elif below.startswith(f"{BLOBS}/") and entry.digest != below.removeprefix(f"{BLOBS}/").replace("/", ""):
            faults.append(f"{below} is not the blob it is named after")
    faults += [f"{below} does not belong to it" for below in _files(backup) - manifest.files.keys() - {NAME}]
    tell("log")
    return Checked(backup, manifest, (*faults, *_log_faults(backup, manifest)))


def _files(backup: Path) -> set[str]:
    found = (Path(base, name) for base, _, names in os.walk(backup) for name in names)
    return {path.relative_to(backup).as_posix() for path in found}


def _log_faults(backup: Path, manifest: Manifest) -> list[str]:
    if not (backup / LOG).is_file():
        return []
    try:
        head = examine(backup / LOG)
    except AgentOSError as error:
        return [f"{LOG}: {error.message}"]
    if (head.seq, head.hash, head.epoch) != (manifest.seq, manifest.hash, manifest.epoch):
        return [f"{LOG} is another log than its manifest names"]
    return []


def refuse_damaged(found: Checked) -> None:
    """Raises AgentOSError that names the first faults."""
    if found.faults:
        more = f", and {len(found.faults) - 3} more" if len(found.faults) > 3 else ""
        raise AgentOSError(
            f"The backup {found.path.name} is not whole: {'; '.join(found.faults[:3])}{more}.",
            hint="Take another one: each dated folder is a whole backup.",
            code="backup.damaged",
        )
