"""`agentos simulate`: a workspace with a history to look at."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from desk.options import as_command
from desk.render.style import bold, counted, dim, good, line
from desk.session import Session
from desk.steps import steps

MOST_DAYS = 1000


@as_command("simulate")
@click.argument("dir", type=click.Path(path_type=Path))
@click.option("--days", type=click.IntRange(1, MOST_DAYS), default=90, show_default=True, help="How long a history.")
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed tells the same story.")
@click.option("--until", metavar="DATE", help="Its last day, as in 2026-11-27; yesterday otherwise.")
def command(session: Session, dir: Path, days: int, seed: int, until: str | None) -> int:
    """Make a workspace in DIR with a plausible history: the real program, a scripted operator, models and world.

    No key and no network is used. Killed, it leaves DIR.partial, which the next one throws away.
    """
    from desk.simulation.folder import made_aside

    last = _day(until, session.now)
    began = time.monotonic()
    with made_aside(dir) as (folder, interrupted), steps(session, "Simulating") as tell:
        if interrupted:
            session.warn(f"An earlier simulation was interrupted; its unfinished {folder.name} was thrown away.")
        told = _played(folder, days, seed, last, _progress(session, tell))
    seconds = round(time.monotonic() - began, 1)
    _say(session, dir, told, seconds)
    session.give({"workspace": str(dir.absolute()), **told, "seconds": seconds})
    return 0


def _day(until: str | None, now: datetime) -> date:
    from desk.simulation.agenda import ZONE

    today = now.astimezone(ZONE).date()
    if until is None:
        return today - timedelta(days=1)
    try:
        last = date.fromisoformat(until)
    except ValueError:
        raise click.UsageError(f"{until!r} is no date; as in: --until 2026-11-27") from None
    if last > today:
        raise click.UsageError(f"{last} lies ahead: a history ends today at the latest.")
    return last


def _played(folder: Path, days: int, seed: int, last: date, tell: Callable[[int, int], None]) -> dict[str, Any]:
    from agentos.platform import open_store
    from agentos.workspace.answers import demo
    from agentos.workspace.init import init_workspace
    from desk.simulation.business import CUSTOMERS
    from desk.simulation.folder import note
    from desk.simulation.quarter import Quarter
    from desk.simulation.summary import summary

    first = last - timedelta(days=days - 1)
    about: dict[str, Any] = {"seed": seed, "days": days, "from": str(first), "until": str(last)}
    init_workspace(folder, demo())
    note(folder, whole=False, **about)
    quarter = Quarter(folder, seed, first, days, tell)
    asyncio.run(quarter.play())
    store = open_store(folder)
    try:
        told = about | {"story": quarter.digest, "clients": len(CUSTOMERS)} | summary(store)
    finally:
        store.close()
    note(folder, whole=True, **about, story=quarter.digest)
    return told


def _progress(session: Session, tell: Callable[[str], None]) -> Callable[[int, int], None]:
    """A bar on a terminal; where there is none, a line a week."""
    import sys

    def day(nth: int, many: int) -> None:
        done = nth * 30 // many
        tell(f"{'█' * done}{'░' * (30 - done)} day {nth + 1} of {many}")
        if not session.as_json and not sys.stderr.isatty() and nth % 7 == 0:
            session.say(dim(f"  day {nth + 1} of {many}"))

    return day


def _say(session: Session, dir: Path, told: dict[str, Any], seconds: float) -> None:
    tasks, bills, answers = told["tasks"], told["invoices"], told["answers"]
    when = dim(f"{told['from']} to {told['until']}, {seconds:g} s")
    session.say(f"{good('Simulated:')} {bold(line(dir))}  {when}")
    ends = ", ".join(f"{count} {name}" for name, count in tasks.items() if name != "opened" and count)
    session.say(f"  {counted(tasks['opened'], 'task')}: {ends}; {told['events']} events")
    session.say(f"  she {', '.join(f'{name} {count}' for name, count in answers.items())}")
    session.say(
        f"  {counted(bills['issued'], 'invoice')} ({bills['cancelled']} taken back), {bills['payments']} payments; "
        f"{bills['open']} of {bills['gross']} EUR still open"
    )
    session.say(dim(f"  agentos --workspace {line(dir)} status   ·   agentos --workspace {line(dir)} up"))
