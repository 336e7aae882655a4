"""`agentos log check`: all invariants over one log, in one pass."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from agentos.errors import AgentOSError
from agentos.events.record import Record
from agentos.invariants import approvals, effects, findings, log, money, numbers, repairs, sealing, steps, tasks
from agentos.invariants.registry import EVERY, INVARIANTS, Invariant, Violation
from agentos.invariants.world import World, task_of
from agentos.platform import Store

FAMILIES = (log, tasks, steps, effects, approvals, numbers, repairs, findings, money, sealing)


@dataclass
class Report:
    """`checked`: code -> how many events, tasks or stores it was held against. `unreadable`: events of forgotten
    clients, of which only the envelope was looked at."""

    events: int = 0
    unreadable: int = 0
    checked: Counter[str] = field(default_factory=Counter)
    violations: list[Violation] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return not self.violations


def invariants() -> list[Invariant]:
    """All of them, family by family."""
    order = [family.__name__ for family in FAMILIES]
    return sorted(INVARIANTS.values(), key=lambda one: order.index(one.family))


def check(store: Store, codes: Iterable[str] = ()) -> Report:
    """Hold the log against every invariant, or those named. Writes nothing; an event that is appended meanwhile waits
    for the next check."""
    wanted = [one for one in invariants() if not codes or one.code in codes]
    report, world = Report(), World(store)
    for one in wanted:
        if one.on_store is not None:
            report.checked[one.code] += 1
            report.violations += [Violation(one.code, seq, "", why) for seq, why in one.on_store(store)]
    try:
        _fold(store, wanted, report, world)
    except AgentOSError as error:  # a log that is not whole may not be readable to its end
        report.violations.append(Violation("log.whole", report.events + 1, "", error.message))
    for one in wanted:
        if one.on_task is not None:
            for task in world.tasks.values():
                report.checked[one.code] += 1
                report.violations += [Violation(one.code, None, task.id, why) for why in one.on_task(world, task)]
    return report


def _fold(store: Store, wanted: list[Invariant], report: Report, world: World) -> None:
    everywhere = [one for one in wanted if EVERY in one.types]
    by_type: dict[str, list[Invariant]] = {}
    for one in wanted:
        for type in one.types:
            by_type.setdefault(type, []).append(one)
    head, _ = store.log.head()
    for record in store.log.read():
        if record.seq > head:
            return
        report.events += 1
        if record.forgotten:
            report.unreadable += 1
        else:
            for one in (*by_type.get(record.type, ()), *everywhere):
                report.checked[one.code] += 1
                report.violations += _violations(one, world, record)
        world.apply(record)


def _violations(one: Invariant, world: World, record: Record) -> Iterator[Violation]:
    """A payload that lacks what an invariant asks of it violates that invariant; it does not end the check."""
    if one.on_record is None:
        return
    try:
        for why in one.on_record(world, record):
            yield Violation(one.code, record.seq, task_of(record), why)
    except (KeyError, TypeError, ValueError) as error:
        yield Violation(one.code, record.seq, task_of(record), f"it can't be read: {type(error).__name__} {error}")
