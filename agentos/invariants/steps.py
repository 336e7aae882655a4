"""A step: begun when what it needs is there, recorded once a round, and never recorded over."""

from __future__ import annotations

from collections.abc import Iterator

from agentos.events.record import Record
from agentos.invariants.registry import before
from agentos.invariants.world import Task, World, call_of


@before("step.needs", "step.started", "step.completed")
def needs(world: World, record: Record) -> Iterator[str]:
    """A step begins and completes only after every step it needs is completed."""
    task = world.task(record)
    if task is None or task.state.plan is None or _is_past(task, record):
        return
    for step in task.state.plan["steps"]:
        if step["id"] == record.data["step"]:
            for need in step["needs"]:
                if task.state.step(need).status != "completed":
                    yield f"{step['id']} needs {need}, which is {task.state.step(need).status}"


@before("step.once", "step.completed")
def once(world: World, record: Record) -> Iterator[str]:
    """A step is completed at most once a round: a recorded result is never replaced."""
    task = world.task(record)
    one = (record.data["step"], record.data["round"])
    if task is not None and one in task.completed:
        yield f"round {one[1]} of {one[0]} was completed before"


@before("step.begun", "step.completed", "step.failed")
def begun(world: World, record: Record) -> Iterator[str]:
    """What a step's round ended with had begun, or was said by the operator."""
    task = world.task(record)
    if task is None or _is_past(task, record) or record.actor == "operator":
        return
    state = task.state.step(record.data["step"])
    if not state.attempt and record.data.get("code") not in ("approval.denied", "task.given_up", "step.crashed"):
        yield f"round {record.data['round']} of {record.data['step']} never began"


@before("step.attempts", "step.started")
def attempts(world: World, record: Record) -> Iterator[str]:
    """Tries of a step are counted one by one, within its present round."""
    task = world.task(record)
    if task is None:
        return
    state = task.state.step(record.data["step"])
    if record.data["round"] != state.round or record.data["attempt"] != state.attempt + 1:
        said = f"try {record.data['attempt']} of round {record.data['round']}"
        yield f"{record.data['step']}: {said} follows try {state.attempt} of round {state.round}"


@before("call.once", "tool.called", "model.called")
def call_once(world: World, record: Record) -> Iterator[str]:
    """The answer to a tool or model call is recorded once, and never asked for again."""
    task = world.task(record)
    if task is not None and call_of(record) in task.calls:
        yield f"{record.data['step']} has this answer on record already"


def _is_past(task: Task, record: Record) -> bool:
    """Of a round that an edit or a redo has ended: it changes nothing any more."""
    return bool(record.data["round"] < task.state.step(record.data["step"]).round)
