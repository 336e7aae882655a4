"""A task: opened once, closed once, nothing begun after that, and its end says the truth."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from agentos.events.record import Record
from agentos.invariants.registry import before
from agentos.invariants.world import CLOSING, Effect, Task, World, task_of
from agentos.tasks.values import unpack

CLAIMS = (
    "task.planned", "task.parked", "task.resumed", "step.started", "effect.started", "model.reserved",
    "approval.requested", "approval.granted", "approval.edited",
)  # fmt: skip
UNSETTLED = ("started", "in_doubt", "waiting")


@before("task.opened_once", "task.opened")
def opened_once(world: World, record: Record) -> Iterator[str]:
    """A task is opened once, for an intent that was received."""
    task = task_of(record)
    if task in world.tasks or task in world.closed:
        yield "it was opened before"
    if world.store.log.by_key(f"intent/{record.data['intent']}") is None:
        yield "its intent was never received"


@before("task.closed_once", *CLOSING)
def closed_once(world: World, record: Record) -> Iterator[str]:
    """A task ends once: completed, failed or cancelled."""
    if (how := world.closed.get(task_of(record))) is not None:
        yield f"it is {how} already"
    elif task_of(record) not in world.tasks:
        yield "it was never opened"


@before("task.closed_stays", *CLAIMS)
def closed_stays(world: World, record: Record) -> Iterator[str]:
    """Nothing is begun, asked or let through after a task closed, but for the notice that tells how it failed."""
    how = world.closed.get(task_of(record))
    notice = record.type == "approval.requested" and record.data["body"].get("notice")
    if how is not None and not notice:
        yield f"{record.type} after the task was {how}"


@before("task.parked_why", "task.parked")
def parked_why(world: World, record: Record) -> Iterator[str]:
    """A parked task says what it waits for: a card that was asked, or a moment."""
    task = world.task(record)
    if task is None:
        return
    if not record.data["why"]:
        yield "it says nothing"
    for why in record.data["why"]:
        if not why.get("until") and why.get("on") not in task.state.cards:
            yield f"it waits for {why.get('kind')}, and neither a card nor a moment is named"


@before("task.completed_steps", "task.completed")
def completed_steps(world: World, record: Record) -> Iterator[str]:
    """A completed task has completed every step of its plan."""
    task = world.task(record)
    if task is None:
        return
    if task.state.plan is None:
        if task.state.trigger != "restore":  # it holds what was adopted and belongs to no task of this log
            yield "it has no plan"
        return
    for step in task.state.plan["steps"]:
        if task.state.step(step["id"]).status != "completed":
            yield f"step {step['id']} is {task.state.step(step['id']).status}"


@before("task.completed_receipts", "task.completed")
def completed_receipts(world: World, record: Record) -> Iterator[str]:
    """A completed task has a receipt for everything it proposed, but for what the operator struck out."""
    task = world.task(record)
    if task is None:
        return
    for effect in task.effects.values():
        if effect.status in UNSETTLED:
            yield f"{effect.key} is {effect.status}"
    if task.state.rehearsal or task.state.plan is None:
        return
    for step in task.state.plan["steps"]:
        if step["kind"] == "effects" and "from" in step["inputs"]:
            yield from _unreceipted(world, task, step)


def _unreceipted(world: World, task: Task, step: dict[str, Any]) -> Iterator[str]:
    done = output_of(world, task, step["id"])
    if done is None or "receipts" not in done:
        return  # the operator took the step as done
    proposed = sum(len(p) for source in step["inputs"]["from"] for p in proposals_of(world, task, source))
    settled = set(done["receipts"]) | set(done["struck"])
    if len(settled) < proposed:
        yield f"{step['id']} was to do {proposed} things, and {len(settled)} are done or struck out"


@before("task.failed_told", "task.failed")
def failed_told(world: World, record: Record) -> Iterator[str]:
    """A failed task has undone what it did, or names what still stands or is in doubt."""
    task = world.task(record)
    if task is None:
        return
    told = set(record.data["stands"])
    for effect in task.effects.values():
        if not effect.undoes and stands(effect) and effect.title not in told:
            yield f"{effect.key} stands, and is not named"
        if not effect.undoes and effect.status in ("started", "in_doubt") and f"{effect.title} (in doubt)" not in told:
            yield f"{effect.key} is {effect.status}, and is not named"


def stands(effect: Effect) -> bool:
    return bool(effect.done and not effect.undone)


@before("task.cancelled_clear", "task.cancelled")
def cancelled_clear(world: World, record: Record) -> Iterator[str]:
    """A task is not cancelled while one of its effects is under way or in doubt."""
    task = world.task(record)
    for effect in task.effects.values() if task is not None else ():
        if effect.status in ("started", "in_doubt"):
            yield f"{effect.key} is {effect.status}"


def output_of(world: World, task: Task, step: str) -> Any:
    """A step's output with the operator's edits, as the coordinator reads it; None where it can't be had."""
    from agentos.errors import AgentOSError

    state = task.state.step(step)
    try:
        value = unpack(state.output, world.store.blobs, task.state.subject)
    except AgentOSError:
        return None  # `blob.kept` says it
    return value | state.patch if isinstance(value, dict) and state.patch else value


def proposals_of(world: World, task: Task, source: str) -> Iterator[list[Any]]:
    output = output_of(world, task, source)
    if isinstance(output, dict):
        yield output.get("proposals") or []
