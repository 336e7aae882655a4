"""`agentos run`: an intent becomes a task, and the task goes as far as it can."""

from __future__ import annotations

import sys

import click

from agentos.ids import short, uuid7
from desk.moments import moment_ahead
from desk.options import as_command
from desk.render.style import bold, cut, dim
from desk.session import Session
from desk.submitting import budget_of, checker
from desk.working import work_on


@as_command("run")
@click.argument("text", nargs=-1, required=True)
@click.option("--background", is_flag=True, help="Record it, print the task's id, and leave the work to `agentos up`.")
@click.option("--by", metavar="WHEN", help="Until when: 2h, 18:00, friday, 2026-12-01.")
@click.option("--budget", metavar="AMOUNT", help='The most that models may cost: "0.50 EUR".')
@click.option("--rehearse", is_flag=True, help="The whole task with every card, and nothing done outside.")
@click.option("--confidential", is_flag=True, help="Only models on this machine may see it.")
def command(
    session: Session,
    text: tuple[str, ...],
    background: bool,
    by: str | None,
    budget: str | None,
    rehearse: bool,
    confidential: bool,
) -> int:
    """Have something done: TEXT is what you want, in your words ("-" reads it from standard input)."""
    said = _said(text)
    said = f"{said}\n\nConfidential." if confidential else said
    deadline = moment_ahead(by, session.now, session.zone) if by else None
    task = session.desk.submit(
        said,
        check=checker(session.root),
        rehearsal=rehearse,
        by=deadline,
        budget=budget_of(budget),
        task=None if background else session.hold(uuid7()),
    )
    if background:
        session.say(task)
        session.give({"task": task, "status": "open"})
        return 0
    session.say(f"Task {bold(short(task))}  {dim(cut(said, session.width - 16))}")
    return work_on(session, task)


def _said(text: tuple[str, ...]) -> str:
    """What is no UTF-8 comes as replacement characters: the rules then ask, rather than the program failing."""
    return sys.stdin.buffer.read().decode("utf-8", "replace") if text == ("-",) else " ".join(text)
