"""Working through the days of a backfill, and telling what came of it."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agentos.ids import digest, short
from desk.render.style import bad, bold, counted, dim, good, line
from desk.session import Session

if TYPE_CHECKING:
    from agentos.platform import Platform
    from graphs.course import Course
    from graphs.whatif import Change, DayComparison, Measures

MOST_LISTED = 12


@dataclass(frozen=True)
class Asked:
    """What a backfill is asked. `policy` is the file's digest: the same name may hold other rules tomorrow."""

    first: str
    last: str
    policy: str | None = None
    models: tuple[str, ...] = ()

    @classmethod
    def of(cls, days: Sequence[date], policy: Path | None, models: Sequence[str]) -> Asked:
        first, last = (str(days[0]), str(days[-1])) if days else ("", "")
        rules = digest(policy.read_bytes()) if policy is not None else None
        return cls(first, last, rules, tuple(sorted(models)))

    @property
    def is_what_if(self) -> bool:
        return self.policy is not None or bool(self.models)

    @property
    def name(self) -> str:
        """Of its folder in state/replays/."""
        span = f"{self.first}_{self.last}" if self.first else "nothing"
        if not self.is_what_if:
            return f"replay_{span}"
        return f"what-if_{span}_{digest(repr((self.policy, self.models)).encode())[:8]}"

    def to_dict(self) -> dict[str, Any]:
        from importlib.metadata import version

        return {
            "from": self.first, "to": self.last, "policy": self.policy, "models": list(self.models),
            "program": version("agentos-solo"),
        }  # fmt: skip


# -- as it was


def replayed(session: Session, platform: Platform, days: Sequence[date], course: Course) -> int:
    """Exit code 1 where anything is not made again as it was."""
    from graphs.backfill import DayReport, replay_day

    reports = []
    for day in days:
        if day in course.done:
            report = DayReport.from_dict(course.done[day])
        else:
            report = asyncio.run(replay_day(platform, day))
            course.keep(day, report.to_dict())
        reports.append(report)
        if report.tasks:
            said = good("the same") if report.same else bad(f"{len(report.different)} different")
            session.say(f"  {day}  {counted(len(report.tasks), 'task'):>9}  {said}")
    different = [(report.day, task) for report in reports for task in report.different]
    tasks, events = sum(len(report.tasks) for report in reports), sum(report.events for report in reports)
    told = {
        "same": not different, "days": len(days), "tasks": tasks, "events": events,
        "different": [
            {"day": str(day), "task": task.task, "event": task.event, "type": task.type, "step": task.step}
            for day, task in different
        ],
    }  # fmt: skip
    path = course.end(told)
    for day, task in different[:MOST_LISTED]:
        session.say(f"  {bad('✗')} {day} task {short(task.task)}: event {task.event}, {task.type} {task.step}".rstrip())
    if different:
        session.say(f"{bad('Different:')} {counted(len(different), 'task')}. `agentos replay TASK` says what.")
    else:
        what = f"{counted(tasks, 'task')} of {counted(len(days), 'day')}, {counted(events, 'event')}, nothing called."
        session.say(f"{good('The same to the byte:')} {what}")
    session.give(told | {"report": str(path)})
    return 1 if different else 0


# -- as it might have been


def what_if(session: Session, platform: Platform, days: Sequence[date], change: Change, course: Course) -> int:
    from graphs.whatif import DayComparison, what_if_day

    reports: list[DayComparison] = []
    for day in days:
        if day in course.done:
            report = DayComparison.from_dict(course.done[day])
        else:
            folder = course.folder / str(day)
            shutil.rmtree(folder, ignore_errors=True)  # an interrupted day's
            report = asyncio.run(what_if_day(platform, day, change, folder))
            course.keep(day, report.to_dict())
        reports.append(report)
        if report.tasks:
            other = sum(not task.same for task in report.tasks)
            said = f"{counted(other, 'task')} otherwise" if other else "as it was"
            session.say(f"  {day}  {counted(len(report.tasks), 'task'):>9}  {dim(said)}")
    told = _summed(reports)
    path = course.end(told)
    _say(session, reports, course)
    session.give(told | {"report": str(path)})
    return 0


def _totals(reports: Sequence[DayComparison]) -> tuple[Measures, Measures]:
    from graphs.whatif import Measures

    then, now = Measures(), Measures()
    for report in reports:
        then, now = then.plus(report.then), now.plus(report.now)
    return then, now


def _summed(reports: Sequence[DayComparison]) -> dict[str, Any]:
    from graphs.whatif import ASSUMED

    then, now = _totals(reports)
    return {
        "days": len(reports), "then": then.to_dict(), "now": now.to_dict(), "assumed": sum(r.assumed for r in reports),
        "unknown": sum(r.unknown for r in reports), "forgotten": sum(r.forgotten for r in reports),
        "otherwise": [
            {"day": str(report.day), "task": task.task, "then": task.then, "now": task.now,
             "cards": [task.cards_then, task.cards_now], "effects": task.changed}
            for report in reports for task in report.tasks if not task.same
        ],
        "assumptions": list(ASSUMED),
    }  # fmt: skip


def _say(session: Session, reports: Sequence[DayComparison], course: Course) -> None:
    from graphs.whatif import ASSUMED

    then, now = _totals(reports)
    session.say(f"\n  {'':24}{bold('then'):>22}{bold('what if'):>24}")
    for name, one, other in _rows(then, now):
        mark = "" if one == other else dim("  ←")
        session.say(f"  {name:24}{one:>18}{other:>20}{mark}")
    session.say()
    changed = [(report.day, task) for report in reports for task in report.tasks if not task.same]
    for day, task in changed[:MOST_LISTED]:
        moves = sorted({" → ".join(pair) for pair in task.changed.values()})
        ends = "" if task.then == task.now else f"{task.then} → {task.now}; "
        session.say(f"  {day} task {short(task.task)}: {ends}{', '.join(moves) or 'other cards'}")
    if len(changed) > MOST_LISTED:
        session.say(dim(f"  and {len(changed) - MOST_LISTED} more: --json lists them"))
    assumed, unknown = sum(r.assumed for r in reports), sum(r.unknown for r in reports)
    session.say(dim(f"  Assumed: in {counted(assumed, 'task')} an answer that nobody gave. Not known: {unknown}."))
    for text in ASSUMED:
        session.say(dim(f"  - {text}"))
    session.say(dim(f"  Its logs: {line(course.folder)}"))


def _rows(then: Measures, now: Measures) -> list[tuple[str, str, str]]:
    from graphs.whatif.measures import FATES

    rows = [("models cost", _money(then.cost), _money(now.cost))]
    rows.append(("interruptions", str(then.interruptions), str(now.interruptions)))
    for fate in FATES:
        if then.fates[fate] or now.fates[fate]:
            rows.append((f"effects {fate}", str(then.fates[fate]), str(now.fates[fate])))
    rows.append(("effects done", str(then.done), str(now.done)))
    for status in sorted({*then.tasks, *now.tasks}):
        rows.append((f"tasks {status}", str(then.tasks[status]), str(now.tasks[status])))
    return [*rows, ("invoiced (gross)", _money(then.revenue), _money(now.revenue))]


def _money(sums: dict[str, Any]) -> str:
    return " + ".join(f"{amount:,.2f} {currency}" for currency, amount in sorted(sums.items())) or "nothing"
