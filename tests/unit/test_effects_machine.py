"""Whatever goes wrong outside, in whatever order: every effect once, and the task's end says what stands."""

from __future__ import annotations

import asyncio
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

from hypothesis import given, note, settings
from hypothesis import strategies as st

from agentos.tasks.state import CardState, TaskState
from tests.fakes.effects import FakeSystem, Killed
from tests.fakes.platform import ALLOW, ASK, RECIPE, Bench, FakeAgent, proposes

MOST_ROUNDS = 60
FAILURES: Any = st.sampled_from(
    ["transient", "permanent", "in_doubt_before", "in_doubt_after", "killed_before", "killed_after"]
)
Repeat = Literal["same", "refused", "unsafe"]


@settings(deadline=None, max_examples=60)
@given(
    slots=st.integers(1, 3),
    failures=st.lists(FAILURES, max_size=6),
    repeat=st.sampled_from(["same", "refused", "unsafe"]),
    absence=st.booleans(),
    searchable=st.booleans(),
    asks=st.booleans(),
    decision=st.sampled_from(["retry", "leave"]),
)
def test_every_effect_happens_once_and_the_end_says_what_stands(
    slots: int, failures: list[Any], repeat: Repeat, absence: bool, searchable: bool, asks: bool, decision: str
) -> None:
    system = FakeSystem(repeat=repeat, absence=absence)
    system.searchable = searchable
    system.fail(*failures)
    names = [f"slot{n}" for n in range(slots)]
    with tempfile.TemporaryDirectory() as folder:
        agents = [FakeAgent("make", proposes(*names))]
        bench = Bench(Path(folder), RECIPE, agents, {"fake": system}, policy=ASK if asks else ALLOW)
        state = asyncio.run(to_its_end(bench, system, decision))
        note(f"{state.status}: {[(effect.key, effect.status) for effect in state.effects.values()]}")
        failed = list(bench.platform.log.read(types=("task.failed",)))
        bench.platform.store.close()
    assert state.closed
    assert system.copies == len(system.done), "something was done twice"
    done = {key for key, (verb, _) in system.done.items() if verb == "act"}
    undone = {key.removesuffix("/undo") for key, (verb, _) in system.done.items() if verb == "unact"}
    if state.status == "completed":
        assert len(done) == slots
        assert undone == set()
    else:
        stands = {state.effects[key].data["title"] for key in done - undone}
        told = {title.removesuffix(" (in doubt)") for title in failed[0].data["stands"]}
        assert stands <= told, "something stands that nobody was told of"


async def to_its_end(bench: Bench, system: FakeSystem, decision: str) -> TaskState:
    """Advance through every crash, wait and card, with an operator who says what is true."""
    task = bench.submit()
    for _ in range(MOST_ROUNDS):
        try:
            await bench.advance(task)
        except Killed:
            bench.platform.store.close()
            bench.open()
        state = bench.state(task)
        if state.closed:
            return state
        for card in state.open_cards():
            answer(bench, system, card, decision)
        bench.clock.advance(timedelta(hours=2))
    return bench.state(task)


def answer(bench: Bench, system: FakeSystem, card: CardState, decision: str) -> None:
    if card.kind == "effects":
        bench.desk.approve(card.id)
    elif card.kind == "doubt":
        happened = card.data["body"]["effect"] in system.done
        bench.desk.answer(card.id, "it happened" if happened else "it did not happen")
    else:
        choices = card.data["question"]["choices"]
        bench.desk.answer(card.id, decision if decision in choices else choices[-1])
