"""`agentos approve`."""

from __future__ import annotations

import click

from desk.deciding import cards_named, then_on
from desk.options import as_command
from desk.session import Session


@as_command("approve")
@click.argument("card", shell_complete=cards_named)
@click.option("--strike", multiple=True, metavar="SLOT", help="Leave this effect out; may be given again.")
@click.option("--no-wait", is_flag=True, help="Record the answer only; `agentos up` or `agentos resume` goes on.")
def command(session: Session, card: str, strike: tuple[str, ...], no_wait: bool) -> int:
    """Let CARD's effects happen, all or all but those struck out."""
    state = session.desk.approve(card, strike)
    return then_on(session, state, "Approved" + (f", without {', '.join(strike)}" if strike else ""), wait=not no_wait)
