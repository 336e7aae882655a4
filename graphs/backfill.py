"""Days of history replayed: every task that was opened on a local day, made again from its record, calling nothing.

A day stands for itself: a Dagster partition may be one, and a backfill that is killed loses one at most.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

from agentos.clock import micros
from agentos.events.log import Reader
from agentos.platform import Platform
from graphs.replay import ReplayReport, replay


@dataclass(frozen=True)
class TaskReport:
    """One task replayed. `event`, `type` and `step` name the first event that is not made again as it was: what it
    says instead belongs to a client perhaps, and `agentos replay TASK` tells it."""

    task: str
    said: Literal["same", "different", "forgotten"]
    events: int
    event: int | None = None
    type: str = ""
    step: str = ""


@dataclass
class DayReport:
    """`tasks`: those opened on that day. Holds ids, counts and names of steps, and nothing of any client's."""

    day: date
    tasks: list[TaskReport] = field(default_factory=list)

    @property
    def different(self) -> list[TaskReport]:
        return [one for one in self.tasks if one.said == "different"]

    @property
    def same(self) -> bool:
        return not self.different

    @property
    def events(self) -> int:
        return sum(one.events for one in self.tasks)

    def to_dict(self) -> dict[str, Any]:
        return {"day": self.day.isoformat(), "tasks": [asdict(one) for one in self.tasks]}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> DayReport:
        return cls(date.fromisoformat(data["day"]), [TaskReport(**one) for one in data["tasks"]])


async def replay_day(platform: Platform, day: date) -> DayReport:
    """Raises nothing for a difference: the report says it. Writes nothing, calls nothing, and needs no secret."""
    report = DayReport(day)
    for task in tasks_opened_on(platform, day):
        report.tasks.append(_reported(platform, await replay(platform, task)))
    return report


def _reported(platform: Platform, found: ReplayReport) -> TaskReport:
    if found.forgotten:
        return TaskReport(found.task, "forgotten", found.events)
    if (first := found.first) is None:
        return TaskReport(found.task, "same", found.events)
    record = next(platform.log.read(after=first.seq - 1, limit=1), None)
    return TaskReport(
        found.task, "different", found.events, first.seq, record.type if record is not None else "", first.step
    )


def tasks_opened_on(platform: Platform, day: date) -> list[str]:
    """In the order in which they were opened, by the business's own clock."""
    begin, end = bounds(platform, day)
    found = []
    for record in platform.log.read(types=("task.opened",), since_micros=micros(begin)):
        if record.at >= end:
            continue  # the clock may have been set back: order of time is not order of seq
        found.append(str(record.data["task"]))
    return found


def bounds(platform: Platform, day: date) -> tuple[datetime, datetime]:
    """From that local midnight up to, and without, the next."""
    zone = zone_of(platform)
    return datetime.combine(day, time(), zone), datetime.combine(day + timedelta(days=1), time(), zone)


def zone_of(platform: Platform) -> ZoneInfo:
    return ZoneInfo(platform.workspace.configuration.business.timezone)


def days_of(first: date, last: date) -> Iterator[date]:
    for nth in range((last - first).days + 1):
        yield first + timedelta(days=nth)


def span_of(log: Reader, zone: ZoneInfo) -> tuple[date, date] | None:
    """The first and the last local day on which a task was opened; None where there is no task."""
    first = next(log.read(types=("task.opened",), limit=1), None)
    last = log.last(types=("task.opened",))
    if first is None or last is None:
        return None
    return first.at.astimezone(zone).date(), last.at.astimezone(zone).date()
