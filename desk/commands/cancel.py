"""`agentos cancel`."""

from __future__ import annotations

import click

from agentos.ids import short
from desk.deciding import tasks_named
from desk.options import as_command
from desk.render.style import bold, line
from desk.session import Session


@as_command("cancel")
@click.argument("task", shell_complete=tasks_named)
@click.option("--reason", default="the operator cancelled it", help="Why; it stands in the history.")
def command(session: Session, task: str, reason: str) -> None:
    """Give TASK up and withdraw its cards. What was done stands, and can be undone."""
    from desk.reading import mark_undone
    from desk.working import task_json

    state = mark_undone(session.store, session.desk.cancel(task, reason))
    session.say(f"Cancelled. Task {bold(short(state.id))}")
    stands = [effect for effect in state.effects.values() if effect.is_done and not effect.undone_by]
    for effect in stands:
        session.say(f"  stands: {line(effect.data['title'])}")
    if stands:
        session.say(f"Take it back with: agentos undo {short(state.id)}")
    session.give(task_json(state))
