"""Faults of the kinds that the any-order test is there for, planted one at a time: does it find each, and how soon?

    python -m tests.crash.planted [--examples 300] [NAME ...]

prints a line a fault, `NAME: found after N runs: what it said`, and exits with 1 when one is not found.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from typing import Any

import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from agentos.policy import Reason
from agentos.tasks import answers, calls, doubt, gate, items, performing, run
from agentos.tasks.run import TaskRun
from agentos.tasks.state import CLOSED, TaskState
from graphs import advance, settlement
from tests.crash.test_any_order import HEALTH, AnyOrder

Plant = Callable[[pytest.MonkeyPatch], None]


def repeats_what_was_lost(patch: pytest.MonkeyPatch) -> None:
    """A start without an end is tried again unseen, though a repeat may do it twice."""

    async def recover(run: Any, step: str, item: Any, state: Any) -> bool:
        await run.record(doubt.failed_event(run, item, state, "transient", "effect.lost", "lost"))
        return False

    patch.setattr(performing, "recover", recover)


def grants_another_form(patch: pytest.MonkeyPatch) -> None:
    """What was approved counts for whatever an edit makes of it afterwards."""

    def reasons(run: TaskRun, step: str, item: Any) -> tuple[Reason, ...]:
        shown = [e for c in gate.grants(run, step) for e in c.data["effects"] if e["key"] == item.key in c.granted]
        return tuple(Reason.from_json(reason) for effect in shown for reason in effect["reasons"])

    patch.setattr(gate, "granted_reasons", reasons)
    patch.setattr(performing, "granted_reasons", reasons)


def ignores_a_denial(patch: pytest.MonkeyPatch) -> None:
    """A card that was answered lets everything on it happen, whatever the answer."""
    newest = gate.newest_card

    def card(run: TaskRun, step: str) -> Any:
        found = newest(run, step)
        return None if found is not None and found.status == "denied" else found

    def reasons(run: TaskRun, step: str, item: Any) -> tuple[Reason, ...]:
        closed = [c for c in run.state.cards.values() if c.step == step and c.status in ("granted", "denied")]
        shown = [e for c in closed for e in c.data["effects"] if e["key"] == item.key]
        return tuple(Reason.from_json(reason) for effect in shown for reason in effect["reasons"])

    patch.setattr(gate, "newest_card", card)
    patch.setattr(gate, "granted_reasons", reasons)
    patch.setattr(performing, "granted_reasons", reasons)


def forgets_what_was_struck(patch: pytest.MonkeyPatch) -> None:
    approve = answers.Desk.approve
    patch.setattr(answers.Desk, "approve", lambda self, name, struck=(): approve(self, name))


def passes_over_the_stop_switch(patch: pytest.MonkeyPatch) -> None:
    """The switch is looked at when a worker begins, and not in the claims."""
    patch.setattr(run, "refuse_if_stopped", lambda reader, file: None)


def goes_on_with_a_cancelled_task(patch: pytest.MonkeyPatch) -> None:
    """A worker that is at it does not see that the operator has cancelled meanwhile."""
    at_it = False
    one_pass = advance._pass

    async def blind(run: TaskRun) -> bool:
        nonlocal at_it
        at_it = True
        try:
            return await one_pass(run)
        finally:
            at_it = False

    def closed(state: TaskState) -> bool:
        return state.status in CLOSED and not (at_it and state.status == "cancelled")

    patch.setattr(advance, "_pass", blind)
    patch.setattr(run, "CLOSING", ("task.completed", "task.failed"))
    patch.setattr(TaskState, "closed", property(closed))


def undoes_twice(patch: pytest.MonkeyPatch) -> None:
    """Each undo has a key of its own."""
    numbers = count()
    patch.setattr(items, "undo_key", lambda key: f"{key}/{next(numbers)}/undo")


def leaves_a_failure_standing(patch: pytest.MonkeyPatch) -> None:
    async def left(run: Any, key: str) -> bool:
        return False

    patch.setattr(settlement, "_taken_back", left)


def sends_at_once(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(performing, "_hold", lambda *_: None)


def loses_numbers(patch: pytest.MonkeyPatch) -> None:
    for module in (performing, settlement, answers, doubt):
        patch.setattr(module, "voided_numbers", lambda *_: [])


def asks_again(patch: pytest.MonkeyPatch) -> None:
    """Recorded calls are not found again."""
    numbers, key = count(), calls.call_key
    patch.setattr(calls, "call_key", lambda *about: f"{key(*about)}/{next(numbers)}")


def takes_late_answers(patch: pytest.MonkeyPatch) -> None:
    """A card that has expired can be approved until a worker has seen it."""
    patch.setattr(answers.Desk, "_still_open", lambda self, card: None)


def keeps_reservations(patch: pytest.MonkeyPatch) -> None:
    """A task ends, and what was reserved for its models stays taken."""
    for module in (settlement, answers):
        patch.setattr(module, "settled_in_full", lambda state: [])


PLANTED: tuple[Plant, ...] = (
    repeats_what_was_lost, grants_another_form, ignores_a_denial, forgets_what_was_struck, passes_over_the_stop_switch,
    goes_on_with_a_cancelled_task, undoes_twice, leaves_a_failure_standing, sends_at_once, loses_numbers, asks_again,
    takes_late_answers, keeps_reservations,
)  # fmt: skip


class Counted(AnyOrder):
    runs = 0

    def __init__(self) -> None:
        super().__init__()
        Counted.runs += 1


@contextmanager
def planted(plant: Plant) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        plant(patch)
        yield


def runs_until_found(plant: Plant, most: int) -> tuple[int | None, str]:
    """How many runs of the machine it took, and what was said; None when it was not found. The same at each call."""
    Counted.runs = 0
    one = settings(
        max_examples=most, stateful_step_count=25, deadline=None, suppress_health_check=HEALTH, derandomize=True,
        phases=[Phase.generate], report_multiple_bugs=False, database=None,
    )  # fmt: skip
    with planted(plant):
        try:
            run_state_machine_as_test(Counted, settings=one)
        except Exception as found:  # an invariant, the model, or the program itself
            return Counted.runs, _told(found)
    return None, ""


def _told(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"[:160]


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description="Plant faults, and see whether the any-order test finds them.")
    parser.add_argument("--examples", type=int, default=300)
    parser.add_argument("names", nargs="*")
    given = parser.parse_args(arguments)
    missed = 0
    for plant in PLANTED:
        if given.names and plant.__name__ not in given.names:
            continue
        runs, said = runs_until_found(plant, given.examples)
        missed += runs is None
        with suppress(BrokenPipeError):
            print(f"{plant.__name__}: {f'found after {runs} runs: {said}' if runs else 'not found'}", flush=True)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
