"""`agentos export`: everything in a folder that is read with a browser and a text editor."""

from __future__ import annotations

from pathlib import Path

import click

from desk.options import as_command
from desk.render.style import bold, dim, good, line
from desk.session import Session
from desk.steps import steps


@as_command("export")
@click.argument("dir", type=click.Path(path_type=Path))
def command(session: Session, dir: Path) -> None:
    """Write everything to DIR: invoices, books, posts, mails, clients, a timeline; open its index.html.

    It holds your clients' data in the open.
    """
    from agentos.export.folder import export_all

    with steps(session, "Exporting") as tell:
        done = export_all(session.store, dir, now=session.now, zone=session.zone, tell=tell)
    session.say(f"{good('Exported:')} {bold(line(done.path / 'index.html'))}")
    session.say(dim(f"  {done.files} files, {done.events} events. It holds your clients' data in the open."))
    session.give({"export": str(done.path), "files": done.files, "events": done.events})
