"""`agentos restore`: the log goes back to a backup, the world stays; `agentos start` looks at what happened since."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from desk.options import as_command
from desk.render.style import bold, counted, dim, good, line, warn
from desk.session import Session
from desk.steps import steps

if TYPE_CHECKING:
    from agentos.backup.restore import Restored

_SHOWN = 10


@as_command("restore")
@click.argument("backup", type=click.Path(path_type=Path))
@click.option("--into", type=click.Path(path_type=Path), help="A new or empty folder; without it, over the workspace.")
@click.option("--keys", type=click.Path(path_type=Path), help="Where the locked keys lie, if apart from the backup.")
@click.option("--passphrase-file", type=click.Path(path_type=Path), help="Its first line is the recovery passphrase.")
@click.option("--yes", is_flag=True, help="Don't ask.")
def command(
    session: Session, backup: Path, into: Path | None, keys: Path | None, passphrase_file: Path | None, yes: bool
) -> int:
    """Restore BACKUP (a dated folder, or the newest in one) into a new folder, or over the workspace.

    Site, books, outbox and your files are never overwritten. It comes up stopped; `agentos start` looks first.
    """
    from agentos.backup.keys import locked_keys, unlock
    from agentos.backup.manifest import find_backup, read_manifest
    from agentos.backup.restore import restore
    from agentos.clock import SystemClock
    from desk.passphrases import passphrase

    place = find_backup(backup.expanduser())
    manifest, root = read_manifest(place), _target(session, into)
    locked = locked_keys(place, manifest, keys)
    if session.asks and not yes and not _agrees(session, root, place):
        return 0
    opened = unlock(locked, passphrase(session, passphrase_file, new=False))
    with steps(session, "Restoring") as tell:
        restored = restore(place, root, opened, clock=SystemClock(), tell=tell)
    _say(session, restored)
    return 0


def _target(session: Session, into: Path | None) -> Path:
    from agentos.errors import WorkspaceError
    from agentos.workspace.find import CONFIGURATION, UNFINISHED, find_any_workspace

    if into is None:
        return find_any_workspace(session.named, os.environ, Path.cwd())
    root = into.expanduser().absolute()
    if (root / CONFIGURATION).exists() and not (root / UNFINISHED).exists():
        raise WorkspaceError(
            f"{root} is a workspace already.",
            hint=f"To rewind its log: agentos restore BACKUP --workspace {root}",
            code="restore.occupied",
        )
    return root


def _agrees(session: Session, root: Path, place: Path) -> bool:
    if not (root / "state").exists():
        return True
    session.say(f"The log of {bold(line(root))} goes back to {bold(line(place.name))}. Site, books and outbox stay.")
    if click.confirm("Restore?", default=False):
        return True
    session.say("Nothing was done.")
    return False


def _say(session: Session, done: Restored) -> None:
    manifest, world = done.manifest, done.world
    session.say(
        f"{good('Restored:')} {bold(line(done.root))}, {manifest.seq} events of {manifest.made_at:%Y-%m-%d %H:%M} UTC"
    )
    if done.aside is not None:
        session.say(dim(f"  the state before is in {line(done.aside.name)}/"))
    for word, names in (("put back", world.copied), ("left as they are, and not as in the backup", world.kept)):
        if names:
            session.say(dim(f"  {counted(len(names), 'file')} {word}:"))
            session.show([dim(f"    {line(name)}") for name in names[:_SHOWN]])
            if len(names) > _SHOWN:
                session.say(dim("    ..."))
    for note in world.notes:
        session.say(dim(f"  {line(note)}"))
    session.say(f"{warn('Stopped.')} `agentos start` looks at what happened since the backup, and goes on.")
    session.give(
        {"workspace": str(done.root), "backup": str(done.backup), "seq": manifest.seq, "epoch": done.epoch,
         "aside": str(done.aside) if done.aside else None, "copied": world.copied, "kept": world.kept,
         "notes": world.notes, "stopped": True}
    )  # fmt: skip
