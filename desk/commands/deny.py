"""`agentos deny`."""

from __future__ import annotations

import click

from desk.deciding import cards_named, then_on
from desk.options import as_command
from desk.session import Session


@as_command("deny")
@click.argument("card", shell_complete=cards_named)
@click.option("--reason", required=True, help="Why; it stands in the history.")
@click.option("--no-wait", is_flag=True, help="Record the answer only; `agentos up` or `agentos resume` goes on.")
def command(session: Session, card: str, reason: str, no_wait: bool) -> int:
    """Refuse CARD. A denial wins until an effect has started."""
    if not no_wait:
        session.hold(session.desk.card(card)[0].id)
    state = session.desk.deny(card, reason)
    then_on(session, state, "Denied", wait=not no_wait)
    return 0  # the task fails because the operator wants it to: that is no failure of the command
