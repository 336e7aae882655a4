"""Anything may happen in any order: whatever the log then says keeps every invariant, and the world agrees."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from tests.crash.anyorder import POLICIES, RECIPES, Business, card_task

WHIMS = (
    "well",
    "transient",
    "permanent",
    "semantic",
    "asks",
    "model",
    "model_lost",
    "killed",
    "bug",
    "cancels",
    "stops",
)
FAILURES: Any = ("transient", "permanent", "in_doubt_before", "in_doubt_after", "killed_before", "killed_after")
DECISIONS = ("approve", "approve", "approve", "strike", "deny", "edit")
TROUBLE: Any = (None, None, None, None, *FAILURES, "taken", "stop")
"""What happens to the first act after the operator's word."""
PICK = st.integers(0, 11)
"""One of however many there are: what is drawn must not depend on what threads have done."""
CHECK_EVERY = 6
"""Steps between two checks of the whole log."""


class AnyOrder(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.steps = 0

    @initialize(
        recipe=st.sampled_from(sorted(RECIPES)),
        policy=st.sampled_from(sorted(POLICIES)),
        repeat=st.sampled_from(["same", "refused", "unsafe"]),
        absence=st.booleans(),
        hold=st.sampled_from([0, 0, 10]),
        late=st.sampled_from(["well", "permanent", "permanent", "bug"]),
    )
    def open(self, recipe: str, policy: str, repeat: str, absence: bool, hold: int, late: Any) -> None:
        self.business = Business(self.folder, recipe, policy, hold=hold, late=late, repeat=repeat, absence=absence)
        self.business.submit()

    @rule(rehearsal=st.sampled_from([False, False, False, True]))
    def submit(self, rehearsal: bool) -> None:
        if len(self.business.tasks) < 4:
            self.business.submit(rehearsal=rehearsal)

    @rule(
        which=PICK,
        system=st.sampled_from(["fake", "other"]),
        whims=st.lists(st.sampled_from(WHIMS), max_size=2),
        failures=st.lists(st.sampled_from(FAILURES), max_size=2),
        doom=st.sampled_from([0, 0, 0, 1, 2, 3, 4, 6, 9]),
        after=st.booleans(),
        interrupts=st.sampled_from([0, 0, 0, 1, 2]),
        taken=st.sampled_from([0, 0, 0, 1]),
    )
    def work(
        self, which: int, system: str, whims: list[Any], failures: list[Any], doom: int, after: bool, interrupts: int,
        taken: int,
    ) -> None:  # fmt: skip
        """Advance a task, with what may go wrong meanwhile."""
        self.business.systems[system].taken = taken
        self.business.interrupts = interrupts
        self.business.whims.extend(whims)
        self.business.systems[system].fail(*failures)
        self.business.doom(doom, after)
        self.business.advance(self._task(which))

    @rule(which=PICK, how=st.sampled_from(DECISIONS), choice=st.integers(0, 2), goes_on=st.booleans(),
          trouble=st.sampled_from(TROUBLE))  # fmt: skip
    def decide(self, which: int, how: str, choice: int, goes_on: bool, trouble: Any) -> None:
        """The operator answers a card, and perhaps the work goes on at once."""
        cards = self.business.cards()
        if not cards:
            return
        card = cards[which % len(cards)]
        slots = [effect["slot"] for effect in card.data["effects"]]
        if card.data["question"] is not None:
            self.business.answer(card, choice)
        elif how == "deny":
            self.business.deny(card)
        elif how == "edit" and slots:
            self.business.edit(card, f"note {choice}")
        else:
            self.business.approve(card, slots[:1] if how == "strike" else ())
        if goes_on:
            for name in {effect["system"] for effect in card.data["effects"]}:
                self._trouble(name, trouble)
            self.business.advance(card_task(self.business, card))

    def _trouble(self, system: str, what: Any) -> None:
        if what == "taken":
            self.business.systems[system].taken = 1
        elif what == "stop":
            self.business.interrupts = 1
        elif what is not None:
            self.business.systems[system].fail(what)

    @rule(which=PICK, what=st.sampled_from(["cancel", "undo", "undo", "again"]))
    def change_her_mind(self, which: int, what: str) -> None:
        if len(self.business.tasks) < 6:
            getattr(self.business, what)(self._task(which))

    def _task(self, which: int) -> str:
        return self.business.tasks[which % len(self.business.tasks)]

    @rule()
    def switch(self) -> None:
        if self.business.while_stopped is None:
            self.business.stop()
        else:
            self.business.start()

    @rule(system=st.sampled_from(["fake", "other"]), searchable=st.booleans())
    def search(self, system: str, searchable: bool) -> None:
        self.business.systems[system].searchable = searchable

    @rule(minutes=st.sampled_from([1, 11, 120, 120, 6000, -300]), looks=st.sampled_from([True, True, False]))
    def later(self, minutes: int, looks: bool) -> None:
        self.business.later(minutes)
        for task in list(self.business.tasks) if looks else ():
            self.business.advance(task)

    @rule()
    def restart(self) -> None:
        self.business.restart()

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
