"""`agentos start`: verifies the log first; a damaged one is not started by accident."""

from __future__ import annotations

import click

from desk.options import as_command
from desk.render.style import dim, good, line, warn
from desk.session import Session


@as_command("start")
@click.option("--accept-damage", default="", metavar="REASON", help="Go on with a log that is not what was written.")
def command(session: Session, accept_damage: str) -> None:
    """Go on after `agentos stop`, once the log is verified."""
    verdict = session.desk.start(
        accept_damage=accept_damage, progress=lambda done: session.say(dim(f"  {done} events verified ..."))
    )
    if not verdict.ok:
        session.say(warn(f"Recorded, and passed over from now on: {line(verdict.why)}"))
    session.say(f"{good('Started.')} Tasks go on under `agentos up`, or with `agentos resume`.")
    session.give({"stopped": False, "accepted": [fault.why for fault in verdict.faults]})
