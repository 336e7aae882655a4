"""What follows an answer: the task goes on at once, in the foreground, unless told otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agentos.ids import short
from agentos.tasks.state import TaskState
from desk.render.style import bold
from desk.session import Session

if TYPE_CHECKING:
    import click


def then_on(session: Session, state: TaskState, said: str, *, wait: bool) -> int:
    session.say(f"{said}. Task {bold(short(state.id))}")
    from desk.working import finish, task_json, work_on

    if state.closed:  # answered before, or a notice that was seen: said once more how it ended
        finish(session, state)
        return 0
    if wait:
        return work_on(session, state.id)
    session.give(task_json(state))
    session.say(f"It goes on under `agentos up`, or with `agentos resume {short(state.id)}`.")
    return 0


def tasks_named(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Shell completion: the newest tasks."""
    from agentos.errors import AgentOSError

    session = ctx.find_object(Session) or Session()
    try:
        names = [short(record.data["task"]) for record in session.store.log.read(types=("task.opened",))]
    except AgentOSError:
        return []
    return [name for name in reversed(names[-50:]) if name.startswith(incomplete)]


def cards_named(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Shell completion: the cards that wait."""
    from agentos.errors import AgentOSError
    from desk.reading import waiting_cards

    session = ctx.find_object(Session) or Session()
    try:
        return [name for _, card in waiting_cards(session.store) if (name := short(card.id)).startswith(incomplete)]
    except AgentOSError:
        return []
