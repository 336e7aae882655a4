"""`agentos resume`: the terminal's own sensor."""

from __future__ import annotations

import click

from agentos.ids import short
from agentos.tasks.readiness import can_go_on
from desk import reading
from desk.deciding import tasks_named
from desk.options import as_command
from desk.render.style import bold, cut
from desk.session import Session


@as_command("resume")
@click.argument("task", required=False, shell_complete=tasks_named)
def command(session: Session, task: str | None) -> int:
    """Go on with TASK, or with every task that can: new, approved, answered, due, or left by a lost worker."""
    from desk.working import work_on

    if task is not None:
        return work_on(session, session.desk.task(task).id)
    ready = [state for state in reading.open_tasks(session.store) if can_go_on(state, session.now)]
    if session.as_json:
        return _quietly(session, [state.id for state in ready])
    if not ready:
        session.say("Nothing can go on now." + (" `agentos desk` lists what waits for you."
                                                if reading.waiting_cards(session.store) else ""))  # fmt: skip
    codes = []
    for state in ready:
        session.say(f"Task {bold(short(state.id))}  {cut(reading.goal_of(session.store, state), session.width - 16)}")
        codes.append(work_on(session, state.id))
    return max(codes, default=0)


def _quietly(session: Session, tasks: list[str]) -> int:
    """One JSON list for all of them."""
    import asyncio

    from desk.working import task_json
    from graphs.advance import advance

    states = [asyncio.run(advance(session.platform, task, by=session.via)).state for task in tasks]
    session.give([task_json(state) for state in states])
    return 1 if any(state.status == "failed" for state in states) else 0
