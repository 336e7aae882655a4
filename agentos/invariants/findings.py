"""Findings: each told once while it lasts, by a task of the monitor's, and closed once."""

from __future__ import annotations

from collections.abc import Iterator

from agentos.events.record import Record
from agentos.invariants.registry import before
from agentos.invariants.world import World
from agentos.monitor.findings import TRIGGER


@before("finding.once", "finding.opened")
def once(world: World, record: Record) -> Iterator[str]:
    """A finding is told again only after it was over, by a task of the monitor's that is open."""
    known = world.findings.known.get(record.data["fingerprint"])
    if known is not None and known.open:
        yield f"task {known.task} tells it"
    task = world.tasks.get(record.data["task"])
    if task is None or task.state.trigger != TRIGGER:
        yield f"{record.data['task']} is no open task of the monitor's"


@before("finding.closed_open", "finding.closed")
def closed_open(world: World, record: Record) -> Iterator[str]:
    """Only an open finding is closed."""
    known = world.findings.known.get(record.data["fingerprint"])
    if known is None or not known.open:
        yield "it was never told" if known is None else "it is over already"
