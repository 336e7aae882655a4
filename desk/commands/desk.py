"""`agentos desk`: what waits for the operator. Imports nothing heavy."""

from __future__ import annotations

from desk import reading
from desk.options import as_command
from desk.render.overview import card_json, desk_lines
from desk.render.style import bad, line
from desk.session import Session


@as_command("desk")
def command(session: Session) -> None:
    """What waits for you: approvals, questions, failures. It warns before a card expires."""
    waiting = reading.waiting_cards(session.store)
    if (stopped := reading.stopped_because(session.store)) is not None:
        session.say(bad(f"Stopped: {line(stopped)}."))
    session.show(desk_lines(waiting, session.zone, session.now, session.width))
    session.give([card_json(state, card) for state, card in waiting])
