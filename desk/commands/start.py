"""`agentos start`."""

from __future__ import annotations

from desk.options import as_command
from desk.render.style import good
from desk.session import Session


@as_command("start")
def command(session: Session) -> None:
    """Go on after `agentos stop`."""
    session.desk.start()
    session.say(f"{good('Started.')} Tasks go on under `agentos up`, or with `agentos resume`.")
    session.give({"stopped": False})
