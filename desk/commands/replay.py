"""`agentos replay`."""

from __future__ import annotations

import asyncio

import click

from desk.deciding import tasks_named
from desk.options import as_command
from desk.render.style import bad, dim, good, line
from desk.session import Session


@as_command("replay")
@click.argument("task", shell_complete=tasks_named)
def command(session: Session, task: str) -> int:
    """Run TASK again from its record, calling nothing. Exit code 1 and the first difference when it says another
    thing."""
    from graphs.replay import replay

    id = session.desk.task(task).id
    report = asyncio.run(replay(session.platform, id))
    for step in report.steps:
        again = f" (round {step.round})" if step.round > 1 else ""
        session.say(f"  {good('✓') if step.same else bad('✗')} {line(step.step)}{again}")
    if report.forgotten:
        session.say(dim("  Parts of it belong to a client who was forgotten; those were passed over."))
    if report.same:
        session.say(
            f"{good('The same to the byte:')} {len(report.steps)} steps, {report.events} events, nothing called."
        )
    else:
        session.say(
            f"{bad('Different:')} {line(report.first_difference or 'the state does not fold to the same bytes')}"
        )
    session.give(
        {"task": id, "same": report.same, "events": report.events, "first_difference": report.first_difference,
         "steps": [{"step": s.step, "round": s.round, "same": s.same, "difference": s.difference}
                   for s in report.steps]}
    )  # fmt: skip
    return 0 if report.same else 1
