"""The operator closes, answers or edits in another process while a worker is at it: nothing is begun or asked late."""

from __future__ import annotations

from pathlib import Path

from agentos.agent import Kit
from agentos.events.types import StepCompleted
from agentos.invariants.check import check
from agentos.tasks.answers import Desk
from tests.fakes.effects import FakeSystem
from tests.fakes.models import FakeModels
from tests.fakes.platform import ASK, AnyRequest, AnyResult, Bench, FakeAgent, proposes, says

CHAIN = """
workflow = "publish-post"
title = "Test"
[[steps]]
id = "first"
agent = "first"
[[steps]]
id = "second"
agent = "second"
needs = ["first"]
[[steps]]
id = "deliver"
kind = "effects"
needs = ["second"]
inputs = { from = ["second"] }
"""


def bench_in(tmp_path: Path, first: FakeAgent, models: FakeModels | None = None) -> Bench:
    second = FakeAgent("second", proposes("one"))
    return Bench(
        tmp_path, CHAIN, [first, second], {"fake": FakeSystem()}, policy=ASK | {"rates": {"USD": "0.9"}}, models=models
    )


async def test_no_step_begins_and_no_card_asks_after_a_cancel(tmp_path: Path) -> None:
    async def cancels(request: AnyRequest, kit: Kit) -> AnyResult:
        Desk(bench.platform.store).cancel(kit.task, "no more")
        return AnyResult(said="late")

    bench = bench_in(tmp_path, FakeAgent("first", cancels))
    state = await bench.run()
    assert state.status == "cancelled"
    types = bench.types(state.id)
    assert types[types.index("task.cancelled") + 1 :] == ["step.completed"]  # a fact, recorded all the same
    assert check(bench.platform.store).violations == []


async def test_what_a_model_call_had_reserved_is_settled_when_the_task_is_cancelled(tmp_path: Path) -> None:
    async def writes(request: AnyRequest, kit: Kit) -> AnyResult:
        await kit.write("Write.", "Something.")
        return AnyResult(said="late")

    def cancels(_: object) -> str:
        (task,) = [record.data["task"] for record in bench.platform.log.read(types=("task.opened",))]
        Desk(bench.platform.store).cancel(task, "no more")
        return "An answer."

    bench = bench_in(tmp_path, FakeAgent("first", writes, tier="small"), FakeModels([cancels]))
    state = await bench.run()
    assert state.status == "cancelled", state.summary
    assert bench.types(state.id).count("model.settled") == 1
    assert state.reservations == {}
    assert check(bench.platform.store).violations == []


async def test_a_result_of_a_round_that_an_edit_has_ended_changes_nothing(tmp_path: Path) -> None:
    bench = bench_in(tmp_path, FakeAgent("first", says("a")))
    state = await bench.run()
    (card,) = state.open_cards()
    bench.desk.edit(card.id, "first", {"said": "b"})
    late = StepCompleted(step="second", round=1, output={"said": "of the old text"})
    bench.platform.log.append(late.on(f"task/{state.id}", correlation=state.id))
    assert bench.state(state.id).steps["second"].status == "new"
    state = (await bench.advance(state.id)).state
    assert (state.steps["second"].round, state.steps["second"].status) == (2, "completed")
