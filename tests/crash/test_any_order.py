"""Anything may happen in any order: whatever the log then says keeps every invariant, and the world agrees."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from tests.crash.anyorder import RECIPES, Business, Whim, card_task

WHIMS: tuple[Whim, ...] = (
    *("well",) * 10, "model", "model_lost", "model_dies", "model_known", "transient", "permanent", "semantic", "asks",
    "killed", "bug", "cancels", "stops",
)  # fmt: skip
FAILURES = ("transient", "permanent", "in_doubt_before", "in_doubt_after", "killed_before", "killed_after")
TROUBLE = (*(None,) * 8, *FAILURES, "killed_after", "taken", "stop")
"""What happens at the next act of an outside system."""
DECISIONS = ("approve", "approve", "approve", "approve", "strike", "deny", "edit")
DOOM = (0, 0, 0, 0, 1, 2, 3, 4, 6, 9)
HAPPENINGS = {
    "work": 5, "decide": 12, "later": 3, "submit": 1, "cancel": 1, "undo": 2, "again": 1, "switch": 1, "search": 1,
    "restart": 1,
}  # fmt: skip
"""Method -> how often, in proportion."""
SEED = st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
"""All that a step draws comes from this: drawn one by one, hypothesis takes the first of a list far too often, and it
repeats numbers, too."""
CHECK_EVERY = 6
"""Steps between two checks of the whole log."""


class AnyOrder(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.steps = 0

    @initialize(seed=SEED)
    def open(self, seed: tuple[int, int]) -> None:
        rng = Random(str(seed))
        world: dict[str, Any] = {
            "recipe": rng.choice([*sorted(RECIPES), "fork"]),
            "policy": rng.choice(["allow", "ask", "ask", "mixed"]),
            "repeat": rng.choice(["same", "refused", "unsafe"]),
            "absence": rng.random() < 0.5,
            "hold": rng.choice([0, 10]),
            "late": rng.choice(["well", "permanent", "bug"]),
        }
        note(f"a business: {world}")
        self.business = Business(self.folder, **world)
        self.business.submit()
        self.business.advance(self.business.tasks[0])

    @rule(seed=SEED)
    def happen(self, seed: tuple[int, int]) -> None:
        """What is stopped is mostly started again: otherwise half of a run would be spent waiting."""
        rng = Random(f"{seed}/{self.steps}")
        what = rng.choices(list(HAPPENINGS), list(HAPPENINGS.values()))[0]
        if self.business.while_stopped is not None and rng.random() < 0.4:
            what = "switch"
        note(f"{what} ({seed})")
        getattr(self, f"_{what}")(rng)

    # -- what may happen

    def _work(self, rng: Random) -> None:
        """Advance a task, with what may go wrong meanwhile."""
        self.business.whims.extend(rng.choices(WHIMS, k=rng.randrange(3)))
        self.business.doom(rng.choice(DOOM), rng.random() < 0.5)
        self._trouble(rng)
        self.business.advance(self._task(rng))

    def _decide(self, rng: Random) -> None:
        """The operator answers a card, and mostly the work goes on at once."""
        cards = self.business.cards()
        if not cards:
            self._submit(rng)
            return self.business.advance(self.business.tasks[-1])
        card, how = rng.choice(cards), rng.choice(DECISIONS)
        slots = [effect["slot"] for effect in card.data["effects"]]
        if card.data["question"] is not None:
            self.business.answer(card, rng.randrange(3))
        elif how == "deny":
            self.business.deny(card)
        elif how == "edit" and slots:
            self.business.edit(card, f"note {rng.randrange(3)}")
        else:
            self.business.approve(card, slots[:1] if how == "strike" else ())
        if rng.random() < 0.7:
            self._trouble(rng)
            self.business.advance(card_task(self.business, card))
        return None

    def _trouble(self, rng: Random) -> None:
        system, what = rng.choice(list(self.business.systems.values())), rng.choice(TROUBLE)
        if what == "taken":
            system.taken = 1
        elif what == "stop":
            self.business.interrupts = 1
        elif what is not None:
            system.fail(what)  # type: ignore[arg-type]

    def _later(self, rng: Random) -> None:
        self.business.later(rng.choice([1, 11, 120, 6000, 6000, -300]))
        for task in list(self.business.tasks) if rng.random() < 0.5 else ():
            self.business.advance(task)

    def _submit(self, rng: Random) -> None:
        if len(self.business.tasks) < 5:
            self.business.submit(rehearsal=rng.random() < 0.2)

    def _cancel(self, rng: Random) -> None:
        self.business.cancel(self._task(rng))

    def _undo(self, rng: Random) -> None:
        if len(self.business.tasks) < 7:
            self.business.undo(self._task(rng))

    def _again(self, rng: Random) -> None:
        if len(self.business.tasks) < 7:
            self.business.again(self._task(rng))

    def _switch(self, rng: Random) -> None:
        self.business.stop() if self.business.while_stopped is None else self.business.start()

    def _search(self, rng: Random) -> None:
        system = rng.choice(list(self.business.systems.values()))
        system.searchable = not system.searchable

    def _restart(self, rng: Random) -> None:
        self.business.restart()

    def _task(self, rng: Random) -> str:
        return rng.choice(self.business.tasks)

    # -- what must hold

    @invariant()
    def holds(self) -> None:
        if hasattr(self, "business"):
            self.business.holds()
            self.steps += 1
            if self.steps % CHECK_EVERY == 0:
                self.business.sound()

    def teardown(self) -> None:
        try:
            if hasattr(self, "business"):
                self.business.comes_to_its_end()
        finally:
            if hasattr(self, "business"):
                self.business.bench.platform.store.close()
            shutil.rmtree(self.folder)


HEALTH = (HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large)


def test_anything_in_any_order() -> None:
    few = settings(max_examples=25, stateful_step_count=25, deadline=None, suppress_health_check=HEALTH)
    run_state_machine_as_test(AnyOrder, settings=few)


@pytest.mark.slow
def test_anything_in_any_order_for_long() -> None:
    many = settings(max_examples=300, stateful_step_count=60, deadline=None, suppress_health_check=HEALTH)
    run_state_machine_as_test(AnyOrder, settings=many)
