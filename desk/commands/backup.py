"""`agentos backup`: a consistent copy while everything runs, and the check of one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from desk.options import as_command
from desk.render.style import bad, bold, counted, dim, good, line
from desk.session import Session
from desk.steps import steps

if TYPE_CHECKING:
    from agentos.backup.make import Made


@as_command("backup")
@click.argument("dir", type=click.Path(path_type=Path))
@click.option("--check", "checks", is_flag=True, help="Make none; read the newest one there (or DIR itself) through.")
@click.option(
    "--keys", type=click.Path(path_type=Path), help="Put the locked keys into this folder, apart from the rest."
)
@click.option("--passphrase-file", type=click.Path(path_type=Path), help="Its first line is the recovery passphrase.")
def command(session: Session, dir: Path, checks: bool, keys: Path | None, passphrase_file: Path | None) -> int:
    """Make a backup in a dated folder of DIR, whatever runs meanwhile. Unchanged files are shared with the last one."""
    if checks:
        return _check(session, dir, keys, passphrase_file)
    from functools import partial

    from agentos.backup.keys import lock
    from agentos.backup.make import back_up
    from desk.passphrases import passphrase

    store, word = session.store, passphrase(session, passphrase_file, new=True)
    with steps(session, "Backing up") as tell:
        made = back_up(store, dir, partial(lock, passphrase=word), now=session.now, keys_into=keys, tell=tell)
    _say(session, made, keys)
    return 0


def _say(session: Session, made: Made, keys: Path | None) -> None:
    manifest = made.manifest
    session.say(f"{good('Backed up:')} {bold(line(made.path))}")
    what = f"{manifest.seq} events, {counted(manifest.blobs, 'blob')}, {counted(len(manifest.files), 'file')}"
    session.say(dim(f"  {what}, {_size(made.bytes)}; {made.linked} shared with the backup before"))
    where = line(keys) if keys is not None else "its folder keys/"
    session.say(dim(f"  {counted(manifest.keys, 'client key')} in {where}, locked with your passphrase"))
    for name in manifest.left_out:
        session.say(dim(f"  left out (a link out of the workspace, or a name that is not UTF-8): {line(name)}"))
    if made.trouble:
        session.warn(f"The log could not note it: {line(made.trouble)}")
    session.give(
        {"backup": str(made.path), "seq": manifest.seq, "hash": manifest.hash, "epoch": manifest.epoch,
         "files": len(manifest.files), "blobs": manifest.blobs, "keys": manifest.keys, "bytes": made.bytes,
         "linked": made.linked, "left_out": manifest.left_out, "trouble": made.trouble or None}
    )  # fmt: skip


def _check(session: Session, dir: Path, keys: Path | None, file: Path | None) -> int:
    from agentos.backup.check import check
    from agentos.backup.manifest import find_backup
    from desk.passphrases import given

    with steps(session, "Reading") as tell:
        found = check(find_backup(dir), tell)
    word = given(file)
    if word is None and session.asks:
        word = click.prompt("Recovery passphrase (empty: leave the keys unopened)", default="", hide_input=True,
                            show_default=False, err=True)  # fmt: skip
    opened = None if not word else _open(session, found.path, keys, word)
    for fault in found.faults:
        session.say(f"  {bad('✗')} {line(fault)}")
    ok = found.ok and opened is not False
    told = {None: "keys not opened: no passphrase", True: "the keys open", False: "the keys do not open"}[opened]
    sentence = f"{found.path.name}: {found.manifest.seq} events, {len(found.manifest.files)} files; {told}."
    session.say(f"{good('Whole:') if ok else bad('Not whole:')} {line(sentence)}")
    session.give({"backup": str(found.path), "ok": ok, "faults": list(found.faults), "keys_open": opened,
                  "seq": found.manifest.seq, "made_at": found.manifest.made_at.isoformat()})  # fmt: skip
    return 0 if ok else 1


def _open(session: Session, backup: Path, keys: Path | None, word: str) -> bool:
    from agentos.backup.keys import locked_keys, unlock
    from agentos.backup.manifest import read_manifest
    from agentos.errors import AgentOSError

    manifest = read_manifest(backup)
    try:
        return len(unlock(locked_keys(backup, manifest, keys), word)) == manifest.keys
    except AgentOSError as error:
        session.warn(f"{line(error.message)} {line(error.hint)}")
        return False


def _size(count: int) -> str:
    amount = float(count)
    for unit in ("bytes", "kB", "MB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}"
        amount /= 1000
    return f"{amount:.1f} GB"
