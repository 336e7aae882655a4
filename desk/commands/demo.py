"""`agentos demo`: the whole vignette in a throw-away workspace that is kept and named."""

from __future__ import annotations

from pathlib import Path

import click

from desk.options import as_command
from desk.session import Session


@as_command("demo")
@click.option(
    "--dir", type=click.Path(path_type=Path), help="Where to make the workspace; a temporary folder otherwise."
)
def command(session: Session, dir: Path | None) -> int:
    """The whole story: intent, approval, post, invoice, ledger, mail, in a throw-away workspace."""
    import tempfile

    from agentos.workspace.answers import demo
    from agentos.workspace.init import init_workspace
    from desk.demonstration import tell
    from desk.render.style import dim

    folder = dir or Path(tempfile.mkdtemp(prefix="agentos-demo-"))
    init_workspace(folder, demo())
    session.named = folder
    session.say(f"A workspace of a made-up business: {session.root}")
    session.say(dim("No key, no server: the offline writer works from its knowledge/ folder."))
    return tell(session)
