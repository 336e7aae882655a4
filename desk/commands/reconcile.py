"""`agentos reconcile`: looks at every outside system now, records what differs, and lays the repair on the desk."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import click

from agentos.ids import short
from desk.options import as_command
from desk.render.style import counted, dim, good, line, warn, wrapped
from desk.session import Session

if TYPE_CHECKING:
    from agentos.platform import Platform
    from agentos.reconcile.report import Finding, Report

_STANDS = {
    "asked": "asks you",
    "waits": "waits for another day: as many repairs as policy.toml allows were opened today",
    "told": "came back after a repair, so nothing is repaired by itself",
    "seen": "not recorded",
}


@as_command("reconcile")
@click.argument("systems", metavar="[SYSTEM]...", nargs=-1)
def command(session: Session, systems: tuple[str, ...]) -> int:
    """Hold the site, the invoices, the ledger and the outbox (or just SYSTEM) against the log. What differs becomes a
    task that asks before it repairs anything. Exits 1 when something differs, or could not be looked at."""
    from agentos.reconcile.observing import observe_and_record

    platform = session.platform
    if unknown := [name for name in systems if name not in platform.systems]:
        raise click.UsageError(f"There is no outside system {unknown[0]!r}. There are {', '.join(platform.systems)}.")
    reports = [observe_and_record(platform, name) for name in systems or platform.systems]
    asyncio.run(_lay_on_the_desk(platform, [task for report in reports for task in report.opened]))
    for report in reports:
        _say(session, report)
    session.give({"ok": all(report.ok for report in reports), "systems": [report.as_json() for report in reports]})
    return 0 if all(report.ok for report in reports) else 1


async def _lay_on_the_desk(platform: Platform, tasks: list[str]) -> None:
    """As far as their cards: nobody may be at work in the background."""
    from graphs.advance import advance

    for task in tasks:
        await advance(platform, task, by="reconcile")


def _say(session: Session, report: Report) -> None:
    if not report.looked:
        session.say(f"{warn('?')} {report.system}: {line(report.why)}")
        return
    if report.ok:
        session.say(f"{good('✓')} {report.system}: {counted(report.compared, 'thing')} as the log says")
    else:
        session.say(f"{warn('✗')} {report.system}: {counted(len(report.findings), 'difference')}")
    for finding in report.findings:
        _say_one(session, finding)
    if report.closed:
        session.say(dim(f"  {counted(len(report.closed), 'difference')} from before: gone"))


def _say_one(session: Session, finding: Finding) -> None:
    session.show(wrapped(finding.drift.words, session.width, "  - ", "    "))
    stands, cards = _STANDS[finding.stands], []
    if finding.task is not None and finding.stands in ("asked", "told"):
        state = session.desk.load(finding.task)
        cards = [f"agentos show {short(card.id)}" for card in state.open_cards()]
    session.say(dim(f"    {'    '.join([stands, *cards])}"))
