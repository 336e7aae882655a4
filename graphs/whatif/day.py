"""One day's tasks driven through the real coordinator on a log of their own, and compared with what happened."""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import date, datetime
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from agentos.clock import FixedClock
from agentos.errors import AgentOSError, Refused
from agentos.events.blobs import Blobs
from agentos.events.log import Reader
from agentos.events.record import NewEvent
from agentos.events.sqlite import SQLiteLog
from agentos.events.witness import witness_of
from agentos.outside import Circuits
from agentos.platform import Platform, Store
from agentos.policy import Policy
from agentos.tasks.answers import Desk
from agentos.tasks.readiness import due_at
from agentos.tasks.run import stream_of
from agentos.tasks.state import TaskState, fold
from agentos.views.spending import Spending
from agentos.workspace.load import Workspace
from graphs.advance import go_on
from graphs.backfill import tasks_opened_on
from graphs.replaying.run import Held
from graphs.replaying.world import in_force, written
from graphs.whatif.change import Change
from graphs.whatif.log import WhatIfBlobs, WhatIfLog
from graphs.whatif.measures import Measures, fates, interruptions, steps_of
from graphs.whatif.operator import Answer, answer_to, gave_up
from graphs.whatif.tape import Tape
from graphs.whatif.world import UNKNOWN, TapedModels, TapedSystem, WhatIfRun

MOST_TURNS = 200
"""Of one task: it is a guard against a fault of ours."""


@dataclass(frozen=True)
class TaskComparison:
    """`then` and `now`: how it ended, or "unknown". `changed`: effect's slot -> [fate then, fate now], where they
    differ; "—" where the question did not come up."""

    task: str
    then: str
    now: str
    cards_then: int
    cards_now: int
    changed: dict[str, list[str]] = field(default_factory=dict)

    @property
    def same(self) -> bool:
        return self.then == self.now and self.cards_then == self.cards_now and not self.changed


@dataclass
class DayComparison:
    """`assumed`: answers that nobody gave. `unknown`: tasks that asked something of which the record knows no answer.
    `forgotten`: tasks of clients who were forgotten; they are on neither side."""

    day: date
    then: Measures = field(default_factory=Measures)
    now: Measures = field(default_factory=Measures)
    tasks: list[TaskComparison] = field(default_factory=list)
    assumed: int = 0
    unknown: int = 0
    forgotten: int = 0

    def to_dict(self) -> dict[str, Any]:
        return {
            "day": self.day.isoformat(), "then": self.then.to_dict(), "now": self.now.to_dict(),
            "tasks": [asdict(one) for one in self.tasks], "assumed": self.assumed, "unknown": self.unknown,
            "forgotten": self.forgotten,
        }  # fmt: skip

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> DayComparison:
        return cls(
            date.fromisoformat(data["day"]), Measures.from_dict(data["then"]), Measures.from_dict(data["now"]),
            [TaskComparison(**one) for one in data["tasks"]], data["assumed"], data["unknown"], data["forgotten"],
        )  # fmt: skip


async def what_if_day(platform: Platform, day: date, change: Change, folder: Path) -> DayComparison:
    """Run that day's tasks under `change`, each from its opening to where the record leaves it.

    `folder` is empty and becomes the what-if's own workspace state: its log lies there and may be read. The real log
    is only read. Needs no secret and reaches nothing.
    """
    tapes = {task: Tape(platform.log, platform.blobs, task) for task in tasks_opened_on(platform, day)}
    report = DayComparison(day, forgotten=sum(tape.forgotten for tape in tapes.values()))
    known = {task: tape for task, tape in tapes.items() if not tape.forgotten}
    with TemporaryDirectory(prefix="agentos-what-if-") as files:  # clients' files stand in the open there
        play = _Play(platform, known, change, folder, Path(files))
        try:
            await play.run()
            play.compare(report)
        finally:
            play.log.close()
    return report


class _Uncached(Spending):
    """Every claim sums up anew: what the clock has come to see may stand before what was read already."""

    def catch_up(self, log: Reader, now: datetime, zone: Any) -> None:
        """Nothing is kept."""

    def since(self, reader: Reader, first: date, now: datetime, zone: Any) -> Any:
        return Spending().since(reader, first, now, zone)


class _Play:
    """`files` is an empty folder for the operator's files as they stood."""

    def __init__(
        self, platform: Platform, tapes: Mapping[str, Tape], change: Change, folder: Path, files: Path
    ) -> None:
        self.platform, self.tapes, self.change, self.files = platform, tapes, change, files
        self.clock = FixedClock(min((tape.opened.at for tape in tapes.values()), default=platform.clock.now()))
        last = platform.log.last()
        self.horizon = last.at if last is not None else self.clock.at
        sealer = platform.store.sealer
        own = SQLiteLog(folder / "state" / "events.db", sealer, clock=self.clock)
        self.log = WhatIfLog(platform.log, own, frozenset(tapes), self.clock)
        log: Any = self.log
        blobs = WhatIfBlobs(Blobs(folder / "state" / "blobs", sealer), platform.blobs)
        self.store = Store(folder, log, blobs, sealer, witness_of(folder))
        self.desk = Desk(self.store, via="what-if", clock=self.clock)
        self.truth = {task: tape.state() for task, tape in tapes.items()}
        self.assumed: set[str] = set()
        self._answered: set[str] = set()
        self._read: dict[Path, tuple[Workspace, Policy]] = {}
        self._nth = count()
        self._agenda: list[tuple[datetime, int, str, Answer | None]] = []

    async def run(self) -> None:
        for task, tape in self.tapes.items():
            self._at(tape.opened.at, task, None)
            if (given_up := gave_up(tape)) is not None:
                self._at(given_up.at, task, given_up)
        turns = 0
        while self._agenda and turns < MOST_TURNS * len(self.tapes):
            at, _, task, answer = heapq.heappop(self._agenda)
            self.clock.at = max(self.clock.at, at)
            await self._turn(task, answer)
            turns += 1

    async def _turn(self, task: str, answer: Answer | None) -> None:
        opened = self.log.by_key(f"task/{task}")
        if opened is None:
            self.log.append(_opening(self.tapes[task]))
        elif answer is not None:
            try:
                answer.say(self.desk)
            except Refused:
                return  # it has expired, or was put aside: nothing to say it to
            if answer.assumed:
                self.assumed.add(task)
        run = WhatIfRun(self._world(task), task, _held(), self.tapes[task])
        try:
            await go_on(run, "what-if")
        except AgentOSError as error:
            if error.code != UNKNOWN:
                raise
        self._what_next(run.state)

    def _what_next(self, state: TaskState) -> None:
        if state.closed:
            return
        for card in state.open_cards():
            answer = answer_to(self.tapes[state.id], self.truth[state.id], state, card, self.clock.at)
            if answer is not None and card.id not in self._answered:
                self._answered.add(card.id)
                self._at(answer.at, state.id, answer)
        due = due_at(state)
        if due is not None and due <= self.horizon:
            self._at(max(due, self.clock.at), state.id, None)

    def _world(self, task: str) -> Platform:
        """The platform that the task sees now: files and policy of then, but for what is changed."""
        tape = self.tapes[task]
        workspace, policy = self._in_force()
        models: Any = TapedModels(tape, self.clock, self.change.prices)
        systems = {name: TapedSystem(one, tape, self.clock) for name, one in self.platform.systems.items()}
        return replace(
            self.platform, store=self.store, workspace=workspace, policy=self.change.policy or policy,
            clock=self.clock, models=models, systems=systems,
            circuits=Circuits(), environ={}, knowledge=None, spending=_Uncached(),
        )  # fmt: skip

    def _in_force(self) -> tuple[Workspace, Policy]:
        from agentos.workspace.load import load_workspace
        from graphs.opening import read_policy

        files = in_force(self.log, self.store.blobs)
        if "agentos.toml" not in files:
            return self.platform.workspace, self.platform.policy
        root = written(files, self.files)
        if root not in self._read:
            self._read[root] = load_workspace(root), read_policy(root)
        return self._read[root]

    def _at(self, at: datetime, task: str, answer: Answer | None) -> None:
        heapq.heappush(self._agenda, (at, next(self._nth), task, answer))

    # -- side by side

    def compare(self, report: DayComparison) -> None:
        report.assumed = len(self.assumed)
        for task, then in self.truth.items():
            now = fold(task, self.log.read(stream=stream_of(task)))
            unknown = any(step.code == UNKNOWN for step in now.steps.values())
            report.unknown += unknown
            steps = steps_of(then) | steps_of(now)
            before, after = fates(then, steps), fates(now, steps)
            report.then.add(then, before)
            report.now.add(now, after)
            ends = then.status, "unknown" if unknown else now.status
            cards = interruptions(then), interruptions(now)
            report.tasks.append(TaskComparison(task, *ends, *cards, _changed(task, before, after)))


def _held() -> Any:
    return Held()


def _opening(tape: Tape) -> NewEvent:
    """The task is opened as it was; its intent is read from the real log."""
    record = tape.opened
    return NewEvent(
        record.type, record.stream, record.data, key=record.key, actor=record.actor, subject=record.subject,
        correlation=record.correlation, version=record.version,
    )  # fmt: skip


def _changed(task: str, before: Mapping[str, str], after: Mapping[str, str]) -> dict[str, list[str]]:
    """By the effect's slot in its task, or by its whole key where it has a slot of the business's own."""
    keys = [*before, *(key for key in after if key not in before)]
    return {
        key.rpartition(f"{task}/")[2]: [before.get(key, "—"), after.get(key, "—")]
        for key in keys
        if before.get(key) != after.get(key)
    }
