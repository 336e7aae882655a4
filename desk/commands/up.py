"""`agentos up`: Dagster's page and daemon, until Ctrl-C."""

from __future__ import annotations

import click

from desk.options import as_command
from desk.session import Session


@as_command("up")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", default=3000, show_default=True, help="The first port to try.")
def command(session: Session, host: str, port: int) -> int:
    """Serve Dagster's page and daemon for the workspace until Ctrl-C; tasks go on by themselves meanwhile."""
    from agentos_assets.serving import serve

    return serve(session.root, host=host, port=port, echo=session.say)
