"""`agentos stop`: works with a broken agentos.toml, on a full disk, and when the log can't be opened."""

from __future__ import annotations

import click

from agentos.errors import AgentOSError
from agentos.platform import write_stop
from desk.options import as_command
from desk.render.style import bad, line, warn
from desk.session import Session


@as_command("stop")
@click.option("--reason", default="the operator stopped it", help="Why; it is said to whoever is refused.")
def command(session: Session, reason: str) -> None:
    """Refuse every effect and model call, in all workers, until `agentos start`. Says what is in flight."""
    file = session.root / "state" / "STOPPED"
    file.parent.mkdir(mode=0o700, exist_ok=True)
    write_stop(file, reason)
    trouble, flying = "", list[str]()
    try:
        flying = session.desk.stop(reason)
    except (AgentOSError, TypeError, ValueError) as error:  # the latter two: what rows of a damaged log read like
        trouble = str(error)
    session.say(f"{bad('Stopped.')} Nothing leaves the house until `agentos start`.")
    for title in flying:
        session.say(f"  {warn('in flight:')} {line(title)}")
    if trouble:
        session.warn(f"It is stopped by the file {file}; the log could not be written: {line(trouble)}")
    session.give({"stopped": True, "reason": reason, "in_flight": flying, "trouble": trouble or None})
