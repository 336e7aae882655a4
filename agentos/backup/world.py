"""The world of a backup put back where it is missing. What stands is never overwritten and never deleted."""

from __future__ import annotations

import os
import shutil
from collections.abc import Set
from dataclasses import dataclass, field
from pathlib import Path

from agentos.backup import repository
from agentos.backup.copying import copy_file, entry_of
from agentos.backup.manifest import BUNDLE, WORLD, Manifest
from agentos.backup.note import Note
from agentos.secrets.keyring import key_name, sync_folder
from agentos.workspace.find import UNFINISHED

_FOLDERS = ("clients", "knowledge", "recipes", "inbox", "site", "books", "outbox")


@dataclass
class Returned:
    """Paths below the workspace. `kept`: what stands there differs from the backup, and was left."""

    copied: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def bring_back_world(backup: Path, manifest: Manifest, root: Path, note: Note, *, forgotten: Set[str]) -> Returned:
    """`forgotten`: key files of clients whose own file must not come back."""
    returned = Returned()
    for folder in _FOLDERS:
        (root / folder).mkdir(exist_ok=True)
    _site(backup, manifest, root, note, returned)
    for below, entry in manifest.files.items():
        name = below.removeprefix(f"{WORLD}/")
        if name == below or _stays_away(name, note, forgotten):
            continue
        if (root / name).exists():
            if entry_of(root / name) != entry:
                returned.kept.append(name)
        elif _place(backup / below, root, name):
            returned.copied.append(name)
    return returned


def _stays_away(name: str, note: Note, forgotten: Set[str]) -> bool:
    folder, _, rest = name.partition("/")
    if folder == "site":
        return note.had_site
    if folder == "outbox":
        return rest.rpartition("/")[2] in note.had_mails
    return folder == "clients" and key_name(rest.removesuffix(".toml")) in forgotten


def _site(backup: Path, manifest: Manifest, root: Path, note: Note, returned: Returned) -> None:
    if manifest.site is None:
        return
    site, source = root / "site", backup / BUNDLE
    if note.had_site:
        if manifest.site.heads and repository.add_commits(site, source, manifest.site):
            returned.notes.append(f"site/ was left as it is; what only the backup has is under {repository.RESTORED}.")
    elif not (site / ".git").exists():
        scratch = root / UNFINISHED / "site"
        shutil.rmtree(scratch, ignore_errors=True)
        repository.bring_back(site, source, manifest.site, scratch)
        returned.copied.append("site/.git")


def _place(source: Path, root: Path, name: str) -> bool:
    """Under its name at one stroke, and only where that is free. False when somebody else was quicker."""
    aside, target = root / UNFINISHED / "file", root / name
    aside.unlink(missing_ok=True)  # it may be a second name of the file before: never write into that one
    copy_file(source, aside)
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(aside, target)
    except FileExistsError:
        return False
    except OSError:  # a disk without links: nobody else works here, so looking first is enough
        aside.rename(target)
    sync_folder(target.parent)
    return True
