"""`agentos again`."""

from __future__ import annotations

import click

from agentos.ids import short, uuid7
from desk.deciding import tasks_named
from desk.options import as_command
from desk.render.style import bold
from desk.session import Session


@as_command("again")
@click.argument("task", shell_complete=tasks_named)
@click.option("--no-wait", is_flag=True, help="Open the task only; `agentos up` or `agentos resume` goes on.")
def command(session: Session, task: str, no_wait: bool) -> int:
    """Take TASK, which was denied, failed or cancelled, up again: a new task from the same words of yours."""
    new = session.desk.again(task, new=None if no_wait else session.hold(uuid7()))
    session.say(f"Task {bold(short(new))}  takes up {short(session.desk.task(task).id)} again")
    if no_wait:
        session.give({"task": new, "status": "open"})
        return 0
    from desk.working import work_on

    return work_on(session, new)
