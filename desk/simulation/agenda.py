"""What happens when: an agenda over the days of a simulation, and the clock that goes along with it."""

from __future__ import annotations

import heapq
from collections.abc import Awaitable, Callable, Iterator
from datetime import date, datetime, time, timedelta
from itertools import count
from random import Random
from zoneinfo import ZoneInfo

from agentos.clock import FixedClock

ZONE = ZoneInfo("Europe/Berlin")
MORNING, EVENING = time(8, 0), time(18, 30)
Act = Callable[[], Awaitable[None]]


class Agenda:
    """`first` is the first day, local; `days` how many. The clock never goes back: what is late is done at once."""

    def __init__(self, first: date, days: int) -> None:
        self.first, self.days = first, days
        self.clock = FixedClock(self.local(0, timedelta(hours=7)))
        self._nth = count()
        self._waiting: list[tuple[datetime, int, Act]] = []

    def at(self, at: datetime, act: Act) -> None:
        heapq.heappush(self._waiting, (at, next(self._nth), act))

    def acts(self) -> Iterator[Act]:
        """In the order of time, up to the last midnight; what is put on the agenda meanwhile included."""
        end = self.local(self.days, timedelta())
        while self._waiting and self._waiting[0][0] < end:
            at, _, act = heapq.heappop(self._waiting)
            self.clock.at = max(self.clock.at, at)
            yield act

    def date(self, day: int) -> date:
        return self.first + timedelta(days=day)

    def local(self, day: int, after: timedelta) -> datetime:
        return datetime.combine(self.date(day), time(), ZONE) + after

    def when_she_works(self, minutes: float, rng: Random) -> datetime:
        """That many minutes from now, or the next working morning after it."""
        at = (self.clock.at + timedelta(minutes=minutes)).astimezone(ZONE)
        if MORNING <= at.time() < EVENING and at.weekday() < 5:
            return at
        day = at.date() + timedelta(days=at.time() >= EVENING)
        while day.weekday() >= 5:
            day += timedelta(days=1)
        return datetime.combine(day, MORNING, ZONE) + timedelta(minutes=rng.uniform(0, 90))
