"""Replaying a task: the coordinator goes over the record again, calling nothing, and must make the same events.

Intake, plan, agents, gate, placeholders and settlement run as they are now, on a log that shows only what was made
again (`graphs.replaying`), under the policy, clients and recipes of then. What the operator, models, tools and outside
systems said is taken from the record.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from agentos.errors import AgentOSError
from agentos.events.record import Record
from agentos.platform import Platform
from agentos.tasks.run import CLOSING
from agentos.tasks.state import TaskState
from graphs.advance import go_on
from graphs.replaying.compare import first_difference
from graphs.replaying.log import Difference, Over, ReplayLog, told
from graphs.replaying.run import Rerun
from graphs.replaying.world import world

__all__ = ["NOT_RERUN", "ReplayReport", "Replayed", "as_bytes", "first_difference", "replay"]
NOT_RERUN = (
    "what the operator said", "answers of models and tools", "what outside systems answered", "how an undo is done",
    "prices and times",
)  # fmt: skip
"""Taken from the record as it stands."""
_WAITING = ("task.parked", "task.resumed")


@dataclass(frozen=True)
class Replayed:
    """One recorded step. `difference` is the first place where the replay says something else; None when it says the
    same."""

    step: str
    round: int
    same: bool
    difference: str | None = None


@dataclass
class ReplayReport:
    """`steps`: agents' steps. The counts say what else was made again: plans, cards, effects' payloads, ends."""

    task: str
    steps: list[Replayed] = field(default_factory=list)
    differences: list[Difference] = field(default_factory=list)
    events: int = 0
    plans: int = 0
    cards: int = 0
    effects: int = 0
    ends: int = 0
    forgotten: bool = False

    @property
    def same(self) -> bool:
        return not self.differences

    @property
    def first(self) -> Difference | None:
        return min(self.differences, key=lambda difference: difference.seq, default=None)

    @property
    def first_difference(self) -> str | None:
        first = self.first
        if first is None:
            return None
        where = f"step {first.step} (round {first.round})" if first.round else f"event {first.seq}"
        return f"{where}: {first.text}"


async def replay(platform: Platform, task: str) -> ReplayReport:
    """Make the task's events again, and compare. Raises nothing for a difference: the report says it. Writes nothing.

    A task of a client who was forgotten can't be made again: the report says so, and nothing of it was run.
    """
    log = ReplayLog(platform.log, platform.blobs, task)
    report = ReplayReport(task, events=len(log.own), forgotten=any(_forgotten(record) for record in log.own))
    if report.forgotten or not log.own:
        return report
    with TemporaryDirectory(prefix="agentos-replay-") as scratch:
        await _over_the_record(platform, task, log, Path(scratch))
    _count(report, log)
    return report


def _forgotten(record: Record) -> bool:
    return record.forgotten or (record.type == "task.failed" and record.data["code"] == "client.forgotten")


async def _over_the_record(platform: Platform, task: str, log: ReplayLog, scratch: Path) -> None:
    log.let_in()
    while (frontier := log.frontier) is not None and not log.over and not log.closed:
        before = len(log.made)
        try:
            await go_on(Rerun(world(platform, log, scratch), task, log), "replay")
        except Over:
            pass  # a worker was lost there, or the record ends, or something else came: the log knows
        except AgentOSError as error:
            return log.differs(f"now it ends with: {error}", at=frontier)
        log.let_in()
        if len(log.made) > before or log.over:
            continue
        if frontier.type not in _WAITING:
            return log.differs(f"{told(frontier.type, frontier.data)} is not made again", at=frontier)
        log.let_pass(frontier)  # how long it waited, and for which outside system, is not run again
    if log.over and (left := log.frontier) is not None and not log.differences:
        log.differs(f"{told(left.type, left.data)} is not made again", at=left)
    return None


def _count(report: ReplayReport, log: ReplayLog) -> None:
    _add_passed_over(log)
    report.differences = log.differences
    texts = {difference.seq: difference.text for difference in reversed(log.differences)}
    for record in log.made.values():
        if record.type == "step.completed" and record.actor.startswith("agent:"):
            text = texts.get(record.seq)
            report.steps.append(Replayed(record.data["step"], record.data["round"], text is None, text))
        report.plans += record.type == "task.planned"
        report.cards += record.type == "approval.requested"
        report.effects += record.type == "effect.started"
        report.ends += record.type in ("task.parked", "task.completed", "task.failed")
    report.steps += [
        Replayed(one.step, one.round, False, one.text)
        for one in log.differences
        if one.round and one.seq not in log.made
    ]


def _add_passed_over(log: ReplayLog) -> None:
    """Events before the last one made that nothing made again: a card that is not asked any more, say."""
    last = max((seq for seq, record in log.made.items() if record.type not in CLOSING), default=0)
    known = {difference.seq for difference in log.differences}
    for record in log.own:
        left = record.seq < last and record.seq not in log.made and record.seq not in known
        if left and record.type not in _WAITING:
            log.differs(f"{told(record.type, record.data)} is not made again", at=record)


def as_bytes(state: TaskState) -> bytes:
    """The state as canonical bytes: what "the same" means."""
    return repr(state).encode()
