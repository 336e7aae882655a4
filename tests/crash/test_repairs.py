"""Whatever hands do outside, whatever the operator says and wherever the process is killed: one repair for a
fingerprint, no repair of a repair, and in the end nothing differs that she was not told of."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st

from agentos.errors import Refused
from agentos.invariants.check import check
from agentos.reconcile.closing import KEEP, MENDED
from agentos.reconcile.observing import observe_and_record
from agentos.reconcile.state import TYPES, fold
from agentos.tasks.finder import NotFound
from agentos.tasks.state import CardState
from agents import reconciler
from tests.crash.anyorder import DELIVER, HEAD, MAKE, Mortal
from tests.fakes.effects import FakeSystem, Killed
from tests.fakes.platform import ALLOW, FakeAgent, proposes

SLOTS = ("one", "two")
STRANGE = "fake:test/act/nobody/knows/this"
HANDS = ("lose", "edit", "edit again", "put back", "strange", "revive")
SAID = ("approve", "approve", "deny", "keep", "mended", "cancel")
MOST = 40
Act = tuple[Any, ...]
ACTS: Any = st.one_of(
    st.tuples(st.just("hand"), st.sampled_from(HANDS), st.integers(0, 1)),
    st.tuples(st.just("look"), st.sampled_from([0, 0, 0, 1]), st.booleans()),
    st.tuples(st.just("say"), st.sampled_from(SAID), st.integers(0, 2)),
    st.tuples(st.just("work"), st.sampled_from([0, 0, 0, 1, 2, 3, 4, 5, 6, 8]), st.booleans()),
    st.tuples(st.just("fail"), st.sampled_from(["transient", "permanent", "in_doubt_after", "killed_after"])),
    st.tuples(st.just("undo"), st.integers(0, 1)),
    st.tuples(st.just("later"), st.sampled_from([2, 30, 100])),
)


class Yard:
    def __init__(self, root: Path, per_day: int) -> None:
        self.system = FakeSystem()
        agents: Any = [FakeAgent("make", proposes(*SLOTS)), reconciler]
        policy = ALLOW | {"repairs": {"per_day": per_day}}
        self.bench = Mortal(root, HEAD + MAKE + DELIVER, agents, {"fake": self.system}, policy=policy)
        self.keys = list(asyncio.run(self.bench.run()).effects)
        self.undos: list[str] = []
        self.first = {key: self.system.done[key] for key in self.keys}

    def alive(self, act: Callable[[], Any], *, doom: int = 0, after: bool = False) -> Any:
        self.bench.doom.left, self.bench.doom.after = doom, after
        try:
            return act()
        except Killed:
            self.bench.platform.store.close()
            self.bench.open()
        except Refused:
            return None
        finally:
            self.bench.doom.left = 0
        return None

    # -- what happens

    def hand(self, what: str, which: int) -> None:
        key, done = self.keys[which], self.system.done
        if what == "lose":
            done.pop(key, None)
        elif what == "strange":
            done[STRANGE] = ("act", {"what": "strange"})
        elif what == "revive":
            done.pop(f"{key}/undo", None)
        elif what == "put back":
            done[key] = self.first[key]
        else:
            done[key] = ("act", {"what": what})

    def look(self, doom: int, after: bool) -> Any:
        return self.alive(lambda: observe_and_record(self.bench.platform, "fake"), doom=doom, after=after)

    def say(self, said: str, which: int) -> None:
        cards = self.cards()
        if not cards:
            return
        task, card = cards[which % len(cards)]
        desk, choices = self.bench.desk, (card.data["question"] or {}).get("choices", ())
        if said == "cancel":
            self.alive(lambda: desk.cancel(task, "leave it"))
        elif card.data["question"] is None:
            self.alive(lambda: desk.deny(card.id, "no") if said == "deny" else desk.approve(card.id))
        else:
            wanted = {"keep": KEEP, "mended": MENDED}.get(said, choices[which % len(choices)])
            self.alive(lambda: desk.answer(card.id, wanted if wanted in choices else choices[0]))

    def work(self, doom: int, after: bool) -> None:
        for task in [*self.repairs(), *self.undos]:
            self.alive(lambda: asyncio.run(self.bench.advance(task)), doom=doom, after=after)  # noqa: B023

    def fail(self, how: Any) -> None:
        self.system.fail(how)

    def undo(self, which: int) -> None:
        try:
            keys = self.bench.desk.undoable(self.keys[which])
        except NotFound:  # it is undone already
            return
        self.undos.append(self.bench.desk.undo(keys))

    def later(self, hours: int) -> None:
        self.bench.clock.advance(timedelta(hours=hours))

    # -- what is there

    def repairs(self) -> list[str]:
        return [record.data["task"] for record in self.bench.platform.log.read(types=("repair.opened",))]

    def cards(self) -> list[tuple[str, CardState]]:
        return [(task, card) for task in [*self.repairs(), *self.undos] for card in self.bench.state(task).open_cards()]

    # -- what must hold

    def holds(self) -> None:
        report = check(self.bench.platform.store)
        assert report.ok, report.violations
        drifts = fold(self.bench.platform.log.read(types=TYPES))
        repaired = [drifts.known[one].thing for one, repair in drifts.repairs.items() if repair.how == "repaired"]
        assert len(repaired) == len(set(repaired)), "a repair was repaired"
        starts = self.bench.platform.log.read(types=("effect.started",))
        done = {record.data["effect"] for record in starts if record.data["verb"] == "restore"}
        assert len(done) <= len(drifts.repairs), "a fingerprint was repaired twice"

    def comes_to_rest(self) -> None:
        """With a world that works and an operator who answers, everything that differs is repaired, kept or told."""
        self.system.mend()
        for _ in range(MOST):
            self.work(0, False)
            for task, card in self.cards():
                question = card.data["question"]
                if question is None:
                    self.bench.desk.approve(card.id)
                elif card.kind == "doubt":
                    self.bench.desk.answer(card.id, "look again")
                elif "seen" not in question["choices"] and not self.bench.state(task).closed:
                    self.bench.desk.answer(card.id, KEEP if KEEP in question["choices"] else question["choices"][-1])
            self.later(25)
            report = self.look(0, False)
            if not [finding for finding in report.findings if finding.stands != "told"] and not self.at_work():
                return
        raise AssertionError("it never comes to rest")

    def at_work(self) -> bool:
        return any(not self.bench.state(task).closed for task in [*self.repairs(), *self.undos])


@settings(deadline=None, max_examples=40)
@given(acts=st.lists(ACTS, min_size=3, max_size=24), per_day=st.sampled_from([1, 5]))
def test_no_order_of_hands_and_repairs_repairs_anything_twice(acts: list[Act], per_day: int) -> None:
    drive(acts, per_day)


@pytest.mark.slow
@settings(deadline=None, max_examples=200)
@given(acts=st.lists(ACTS, min_size=3, max_size=40), per_day=st.sampled_from([1, 5]))
def test_no_order_at_length(acts: list[Act], per_day: int) -> None:
    drive(acts, per_day)


def drive(acts: list[Act], per_day: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        yard = Yard(Path(folder), per_day)
        for name, *arguments in acts:
            getattr(yard, name)(*arguments)
        yard.holds()
        yard.comes_to_rest()
        yard.holds()
        note([record.type for record in yard.bench.platform.log.read(types=TYPES)])
        yard.bench.platform.store.close()


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("at", range(1, 14))
def test_killed_at_each_append_of_a_repair_it_is_repaired_once(tmp_path: Path, at: int, after: bool) -> None:
    """From the look that finds it to the end of its task."""
    yard = Yard(tmp_path, 5)
    yard.hand("lose", 0)
    yard.bench.doom.left, yard.bench.doom.after = at, after
    for _ in range(4):
        try:
            observe_and_record(yard.bench.platform, "fake")
            for task in yard.repairs():
                asyncio.run(yard.bench.advance(task))
            for _, card in yard.cards():
                yard.bench.desk.approve(card.id)
        except Killed:
            yard.bench.platform.store.close()
            yard.bench.open()
    assert yard.bench.state(*yard.repairs()).status == "completed"
    assert yard.keys[0] in yard.system.done
    events = [record.type for record in yard.bench.platform.log.read(types=TYPES)]
    assert events == ["drift.detected", "repair.opened", "drift.closed", "repair.closed"]
    yard.holds()
