"""`agentos replay`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import click

from desk.deciding import tasks_named
from desk.options import as_command
from desk.render.style import bad, counted, dim, good, line, wrapped
from desk.session import Session

if TYPE_CHECKING:
    from graphs.replay import ReplayReport


@as_command("replay")
@click.argument("task", shell_complete=tasks_named)
def command(session: Session, task: str) -> int:
    """Make TASK's events again from its record, calling nothing: plan, steps, cards, effects' payloads and end. Exit
    code 1 and the first difference when it says another thing."""
    from graphs.replay import NOT_RERUN, replay

    id = session.desk.task(task).id
    report = asyncio.run(replay(session.platform, id))
    for step in report.steps:
        again = f" (round {step.round})" if step.round > 1 else ""
        session.say(f"  {good('✓') if step.same else bad('✗')} {line(step.step)}{again}")
    if report.forgotten:
        session.say(dim("  It belongs to a client who was forgotten: nothing of it can be run again."))
    else:
        session.show([dim(text) for text in wrapped(reran(report), session.width, "  ")])
    if report.same:
        session.say(
            f"{good('The same to the byte:')} {len(report.steps)} steps, {report.events} events, nothing called."
        )
    else:
        session.say(f"{bad('Different:')} {line(report.first_difference)}")
    first = report.first
    session.give(
        {"task": id, "same": report.same, "events": report.events, "first_difference": report.first_difference,
         "first_event": first.seq if first is not None else None,
         "steps": [{"step": s.step, "round": s.round, "same": s.same, "difference": s.difference}
                   for s in report.steps],
         "differences": [{"event": d.seq, "difference": d.text} for d in report.differences],
         "reran": {"plans": report.plans, "steps": len(report.steps), "cards": report.cards,
                   "effects": report.effects, "ends": report.ends},
         "not_reran": list(NOT_RERUN)}
    )  # fmt: skip
    return 0 if report.same else 1


def reran(report: ReplayReport) -> str:
    """What was run again and what was taken from the record."""
    from graphs.replay import NOT_RERUN

    counts = [
        counted(report.plans, "plan"), counted(len(report.steps), "step"), counted(report.cards, "card"),
        f"{counted(report.effects, 'effect')} with payload and number", counted(report.ends, "rest or end"),
    ]  # fmt: skip
    return f"Made again: {', '.join(counts)}. Taken from the record: {', '.join(NOT_RERUN)}."
