"""`agentos approve`."""

from __future__ import annotations

from typing import Any

import click

from agentos.tasks.resting import resting
from desk.deciding import cards_named, then_on
from desk.options import as_command
from desk.render.style import line
from desk.session import Session


@as_command("approve")
@click.argument("card", shell_complete=cards_named)
@click.option("--strike", multiple=True, metavar="SLOT", help="Leave this effect out; may be given again.")
@click.option("--no-wait", is_flag=True, help="Record the answer only; `agentos up` or `agentos resume` goes on.")
def command(session: Session, card: str, strike: tuple[str, ...], no_wait: bool) -> int:
    """Let CARD's effects happen, all or all but those struck out."""
    asking, shown = session.desk.card(card)
    effects = shown.data["effects"]
    also = resting(effects, strike)
    if also:
        titles = [_title(effect) for effect in effects if effect["slot"] in also]
        session.say(f"Without {', '.join(strike)} these are not done either, because they rest on it:")
        session.show([f"  - {title}" for title in titles])
        if session.asks and not click.confirm("Approve the rest?", default=False):
            session.say("Nothing was approved.")
            return 0
    without = [*strike, *also]
    if not no_wait:
        session.hold(asking.id)
    state = session.desk.approve(card, strike)
    said = "Approved" + (f", without {', '.join(without)}" if without else "")
    code = then_on(session, state, said, wait=not no_wait)
    if without:
        session.say("Not done:")
        session.show([f"  - {_title(effect)}" for effect in effects if effect["slot"] in without])
    return code


def _title(effect: dict[str, Any]) -> str:
    return f"{line(effect['title'])}  [{line(effect['slot'])}]"
