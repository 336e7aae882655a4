"""What a closing task has reserved for model calls and not settled: a worker was lost, or is cut off in the middle."""

from __future__ import annotations

from agentos.events.record import NewEvent
from agentos.events.types import ModelSettled
from agentos.tasks.state import TaskState


def settled_in_full(state: TaskState) -> list[NewEvent]:
    """Settlements at what was reserved, since it may have been asked; they belong into the append that closes."""
    return [
        ModelSettled(call=call, step=reserved["step"], cost=reserved["cost"], tokens=reserved["tokens"], why="lost").on(
            f"task/{state.id}", key=f"model.settled/{state.id}/{call}", correlation=state.id
        )
        for call, reserved in sorted(state.reservations.items())
    ]
