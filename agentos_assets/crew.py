"""Advances many tasks side by side, and takes up those that become ready meanwhile: one run instead of one a task.

Knows nothing of Dagster: an op, a worker of another queue and a test call the same function.
"""

from __future__ import annotations

import asyncio
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from agentos.events.doorbell import Doorbell
from agentos.platform import Platform, refuse_if_stopped
from agentos.tasks.readiness import can_go_on
from agentos_assets.attending import CREW, attending
from agentos_assets.ready import open_tasks
from graphs.advance import Advanced, advance, load

MOST_TURNS = 20
"""Of one task in one run: a task that never settles must not keep a run alive."""


@dataclass(frozen=True)
class Outcome:
    """How it went with one task. `crashed` says what and where, without the message: that may hold a client's name."""

    task: str
    advanced: Advanced | None = None
    crashed: str = ""


async def advance_ready(
    platform: Platform,
    named: Sequence[str] = (),
    *,
    linger: float,
    at_once: int,
    report: Callable[[Outcome], None],
) -> list[Outcome]:
    """Advance what can go on and what is named, at most `at_once` at a time; end after `linger` seconds without work.

    `report` is called as soon as a task parks or ends. Raises Stopped when the switch is off at the start.
    """
    refuse_if_stopped(platform.log, platform.store.stop_file)
    crew = _Crew(platform, at_once, report)
    async with AsyncExitStack() as stack:
        stack.enter_context(attending(platform.store.leases, CREW))
        bell = await stack.enter_async_context(Doorbell(platform.log.path))
        crew.seq = platform.log.head()[0]
        crew.take([*named, *(task for task in open_tasks(platform.store) if crew.ready(task))])
        await crew.work(bell, linger)
    return crew.outcomes


class _Crew:
    def __init__(self, platform: Platform, at_once: int, report: Callable[[Outcome], None]) -> None:
        self.platform = platform
        self.report = report
        self.outcomes: list[Outcome] = []
        self.seq = 0
        self._places = asyncio.Semaphore(at_once)
        self._working: dict[asyncio.Task[Outcome], str] = {}
        self._ended = asyncio.Event()
        """Some of them are done."""
        self._turns: Counter[str] = Counter()
        self._elsewhere: set[str] = set()
        """Tasks that another worker holds: not ours, unless they park there and are answered."""

    def ready(self, task: str) -> bool:
        state = load(self.platform, task)
        if task in self._elsewhere and state.status != "parked":
            return False
        return can_go_on(state, self.platform.clock.now())

    def take(self, tasks: Iterable[str]) -> None:
        for task in dict.fromkeys(tasks):
            if task not in self._working.values() and self._turns[task] < MOST_TURNS:
                self._turns[task] += 1
                turn = asyncio.create_task(self._turn(task))
                turn.add_done_callback(lambda _: self._ended.set())
                self._working[turn] = task

    async def work(self, bell: Doorbell, linger: float) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + linger
        try:
            while self._working or loop.time() < until:
                if self._working:
                    until = loop.time() + linger
                await self._something(bell, None if self._working else until - loop.time())
                self._collect()
                self.take(task for task in self._touched() if self.ready(task))
        finally:
            for left in self._working:  # the run is being terminated: what was recorded stands, leases are freed
                left.cancel()
            await asyncio.gather(*self._working, return_exceptions=True)

    async def _something(self, bell: Doorbell, patience: float | None) -> None:
        """Returns when a task is done, when the log has grown, or after `patience` seconds."""
        waits = [asyncio.create_task(bell.rang(patience)), asyncio.create_task(self._ended.wait())]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        await asyncio.gather(*waits, return_exceptions=True)
        self._ended.clear()

    def _touched(self) -> list[str]:
        found = []
        for record in self.platform.log.read(after=self.seq):
            self.seq = record.seq
            if record.stream.startswith("task/"):
                found.append(record.stream.removeprefix("task/"))
        return [task for task in dict.fromkeys(found) if task not in self._working.values()]

    async def _turn(self, task: str) -> Outcome:
        async with self._places:
            return Outcome(task, await advance(self.platform, task, by="dagster"))

    def _collect(self) -> None:
        for done in [one for one in self._working if one.done()]:
            task = self._working.pop(done)
            error = done.exception()
            outcome = done.result() if error is None else Outcome(task, crashed=where(error))
            self.outcomes.append(outcome)
            self.report(outcome)
            if error is None and outcome.advanced is not None:
                self._answered_meanwhile(task, outcome.advanced)

    def _answered_meanwhile(self, task: str, advanced: Advanced) -> None:
        """An answer that came in the moment of parking was read while the task was still ours."""
        if advanced.busy:
            self._elsewhere.add(task)
        elif not advanced.stopped and load(self.platform, task).seq != advanced.state.seq and self.ready(task):
            self.take([task])


def where(error: BaseException) -> str:
    """ "ValueError in finance.py, line 12": enough to find it, nothing of what was being worked on."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" in {Path(frames[-1].filename).name}, line {frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{place}"
