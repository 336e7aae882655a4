"""`agentos show`: a card in five seconds, or a task's timeline."""

from __future__ import annotations

import click

from desk.deciding import cards_named
from desk.options import as_command
from desk.session import Session


@as_command("show")
@click.argument("name", metavar="CARD|TASK", shell_complete=cards_named)
@click.option("--full", is_flag=True, help="The whole text.")
def command(session: Session, name: str, full: bool) -> None:
    """Show CARD (what will happen, why it asks, what changed), or TASK's timeline."""
    from agentos.tasks.answers import NotFound
    from desk.cards import show_card, view_of
    from desk.render.overview import card_json

    try:
        state, card = session.desk.card(name)
    except NotFound:
        return _show_task(session, name)
    show_card(session, state, card, full=full)
    if session.as_json:
        parts = view_of(session, state, card).parts
        effects = [part.effect | {"payload": part.payload} for part in parts]
        session.give(card_json(state, card) | {"effects": effects, "body": card.data["body"]})
    return None


def _show_task(session: Session, name: str) -> None:
    from agentos.tasks.answers import NotFound
    from desk.reading import goal_of, mark_undone
    from desk.render.task import task_lines
    from desk.working import task_json

    try:
        state = mark_undone(session.store, session.desk.task(name))
    except NotFound as error:
        raise NotFound(
            error.message.replace(" task ", " card or task "), hint="`agentos desk` and `agentos status` list them."
        ) from None
    records = list(session.store.log.read(correlation=state.id))
    goal = goal_of(session.store, state)
    session.show(task_lines(state, records, goal, session.root, session.zone, session.now, session.width))
    session.give(task_json(state) | {"goal": goal, "events": [record.as_json() for record in records]})
