"""Drift and repair: each told of once while it lasts, repaired at most once, and a repair never repaired."""

from __future__ import annotations

from collections.abc import Iterator

from agentos.events.record import Record
from agentos.invariants.registry import before
from agentos.invariants.world import World
from agentos.reconcile.closing import TRIGGER
from agentos.reconcile.state import fingerprint_of


@before("drift.once", "drift.detected")
def once(world: World, record: Record) -> Iterator[str]:
    """A drift is detected again only after it was closed."""
    known = world.drifts.known.get(fingerprint_of(record))
    if known is not None and known.open:
        yield f"it is open since {known.at.isoformat()}"


@before("drift.closed_open", "drift.closed")
def closed_open(world: World, record: Record) -> Iterator[str]:
    """Only an open drift is closed."""
    known = world.drifts.known.get(fingerprint_of(record))
    if known is None or not (known.open or known.forgotten):
        yield "it was never detected" if known is None else f"it is {known.how} already"


@before("repair.once", "repair.opened")
def repair_once(world: World, record: Record) -> Iterator[str]:
    """A fingerprint has one repair, ever, opened while the drift is open, with a task of its own."""
    fingerprint = fingerprint_of(record)
    if fingerprint in world.drifts.repairs:
        yield f"task {world.drifts.repairs[fingerprint].task} is its repair"
    known, task = world.drifts.known.get(fingerprint), world.tasks.get(record.data["task"])
    if known is None or not (known.open or known.forgotten):
        yield "there is no open drift"
    if task is None or task.state.trigger != TRIGGER:
        yield f"{record.data['task']} is no open repair task"


@before("repair.unrepaired", "repair.opened")
def unrepaired(world: World, record: Record) -> Iterator[str]:
    """A repair never causes a repair: what was repaired once is not repaired again."""
    known = world.drifts.known.get(fingerprint_of(record))
    if known is not None and (known.escalated or known.thing in world.drifts.repaired):
        yield f"{known.thing} was repaired by task {world.drifts.repaired.get(known.thing, '?')}"


@before("repair.closed_opened", "repair.closed")
def closed_opened(world: World, record: Record) -> Iterator[str]:
    """A repair is closed once, after it was opened, and its drift with it."""
    repair = world.drifts.repairs.get(fingerprint_of(record))
    if repair is None or not repair.open:
        yield "it was never opened" if repair is None else f"it is {repair.how} already"
    known = world.drifts.known.get(fingerprint_of(record))
    if known is not None and known.open:
        yield "its drift is open"
