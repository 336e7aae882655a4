"""`agentos completion`: the script that a shell sources."""

from __future__ import annotations

import click

from desk.options import as_command
from desk.session import Session


@as_command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(session: Session, shell: str) -> None:
    """Print the completion script for SHELL, as in: eval "$(agentos completion bash)"."""
    from click.shell_completion import get_completion_class

    from desk.main import cli

    made = get_completion_class(shell)
    if made is None:
        raise click.UsageError(f"There is no completion for {shell}.")
    script = made(cli, {}, "agentos", "_AGENTOS_COMPLETE").source()
    session.say(script)
    session.give({"shell": shell, "script": script})
