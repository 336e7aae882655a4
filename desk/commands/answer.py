"""`agentos answer`."""

from __future__ import annotations

import click

from desk.deciding import cards_named, then_on
from desk.options import as_command
from desk.session import Session


@as_command("answer")
@click.argument("card", shell_complete=cards_named)
@click.argument("text", nargs=-1, required=True)
@click.option("--no-wait", is_flag=True, help="Record the answer only; `agentos up` or `agentos resume` goes on.")
def command(session: Session, card: str, text: tuple[str, ...], no_wait: bool) -> int:
    """Answer CARD's question with TEXT, in words, or with a choice or its number."""
    from desk.cards import chosen

    asking, asked = session.desk.card(card)
    if not no_wait:
        session.hold(asking.id)
    state = session.desk.answer(card, chosen(asked, " ".join(text).strip()))
    return then_on(session, state, "Answered", wait=not no_wait)
