"""record, park, replay: what the coordinator does with tasks, over a real log and fake agents and systems."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from agentos.agent import Kit, Question, Semantic
from agentos.errors import Refused, Transient
from agentos.tasks.finder import NotFound
from graphs.replay import replay
from tests.fakes.effects import FakeSystem, Killed
from tests.fakes.models import FakeModels
from tests.fakes.platform import ASK, AnyRequest, AnyResult, Bench, FakeAgent, proposes, says

FORK = """
workflow = "publish-post"
title = "Test {topic}"
[[steps]]
id = "left"
agent = "left"
inputs = { topic = "$slots.topic" }
[[steps]]
id = "right"
agent = "right"
[[steps]]
id = "join"
agent = "join"
needs = ["left", "right"]
inputs = { given = ["$left.said", "$right.said"] }
[[steps]]
id = "deliver"
kind = "effects"
needs = ["join"]
inputs = { from = ["join"] }
"""
LINE = """
workflow = "publish-post"
title = "Test"
[[steps]]
id = "make"
agent = "make"
[[steps]]
id = "check"
agent = "check"
needs = ["make"]
inputs = { given = "$make.said" }
redo = "make"
at_most = 3
[[steps]]
id = "deliver"
kind = "effects"
needs = ["make", "check"]
inputs = { from = ["make"] }
"""


def fork(tmp_path: Path, left: Any = None, join: Any = None, **more: Any) -> tuple[Bench, FakeSystem, list[FakeAgent]]:
    system = FakeSystem()
    agents = [
        FakeAgent("left", left or says("L")),
        FakeAgent("right", says("R")),
        FakeAgent("join", join or proposes("one", "two")),
    ]
    return Bench(tmp_path, FORK, agents, {"fake": system}, **more), system, agents


async def test_a_task_runs_to_its_end_and_nothing_runs_twice(tmp_path: Path) -> None:
    bench, system, agents = fork(tmp_path)
    state = await bench.run()
    assert state.status == "completed"
    assert [payload for _, payload in system.done.values()] == [
        {"what": "one", "given": ["L", "R"]},
        {"what": "two", "given": ["L", "R"]},
    ]
    before = bench.types(state.id)
    await bench.advance(state.id)
    assert bench.types(state.id) == before
    assert [agent.runs for agent in agents] == [1, 1, 1]


async def test_a_branch_that_fails_for_now_keeps_its_siblings_work(tmp_path: Path) -> None:
    tries = 0

    async def flaky(request: AnyRequest, kit: Kit) -> AnyResult:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise Transient("busy", retry_after=90)
        return AnyResult(said="L")

    bench, system, agents = fork(tmp_path, left=flaky)
    state = await bench.run()
    assert state.status == "parked"
    assert [why["kind"] for why in state.parked] == ["backoff"]
    assert not system.done
    assert (await bench.advance(state.id)).state.status == "parked"
    assert tries == 1
    bench.clock.advance(timedelta(seconds=91))
    assert (await bench.advance(state.id)).state.status == "completed"
    assert [agent.runs for agent in agents] == [2, 1, 1]


async def test_a_passing_failure_that_does_not_pass_becomes_permanent(tmp_path: Path) -> None:
    async def busy(request: AnyRequest, kit: Kit) -> AnyResult:
        raise Transient("busy")

    bench, _, _ = fork(tmp_path, left=busy)
    task = bench.submit()
    for _ in range(20):
        state = (await bench.advance(task)).state
        bench.clock.advance(timedelta(hours=2))
    assert state.status == "failed"
    assert "tried 6 times" in state.summary


async def test_an_agent_that_crashes_is_recorded_and_its_sibling_too(tmp_path: Path) -> None:
    async def crash(request: AnyRequest, kit: Kit) -> AnyResult:
        await asyncio.sleep(0.01)
        raise ZeroDivisionError("a bug")

    bench, system, _ = fork(tmp_path, left=crash)
    state = await bench.run()
    assert state.status == "failed"
    assert "ZeroDivisionError" in state.summary
    assert state.steps["right"].status == "completed"
    assert not system.done


async def test_a_question_parks_and_its_answer_goes_on(tmp_path: Path) -> None:
    async def asks(request: AnyRequest, kit: Kit) -> AnyResult:
        if "colour" not in kit.answers:
            raise Question("colour", "Which colour?", ("red", "blue"))
        return AnyResult(said=kit.answers["colour"])

    bench, system, _ = fork(tmp_path, left=asks)
    state = await bench.run()
    (card,) = state.open_cards()
    assert (state.status, card.kind, card.title) == ("parked", "question", "Which colour?")
    bench.desk.answer(card.id, "red")
    assert (await bench.advance(state.id)).state.status == "completed"
    assert next(iter(system.done.values()))[1]["given"] == ["red", "R"]


async def test_reasons_go_back_to_the_step_that_can_mend_them(tmp_path: Path) -> None:
    async def make(request: AnyRequest, kit: Kit) -> AnyResult:
        return (await proposes("one")(request, kit)).model_copy(update={"said": list(kit.feedback)})

    async def check(request: AnyRequest, kit: Kit) -> AnyResult:
        if not request.given:
            raise Semantic(["it is too long"])
        return AnyResult(said=request.given)

    agents = [FakeAgent("make", make), FakeAgent("check", check)]
    bench = Bench(tmp_path, LINE, agents, {"fake": FakeSystem()})
    state = await bench.run()
    assert state.status == "completed"
    assert bench.desk.load(state.id).steps["check"].round == 2
    assert [agent.runs for agent in agents] == [2, 2]


@pytest.mark.parametrize(("answer", "status"), [("accept", "completed"), ("cancel", "failed")])
async def test_a_disagreement_that_does_not_end_becomes_a_card(tmp_path: Path, answer: str, status: str) -> None:
    async def never(request: AnyRequest, kit: Kit) -> AnyResult:
        raise Semantic(["I do not like it"])

    agents = [FakeAgent("make", proposes("one")), FakeAgent("check", never)]
    bench = Bench(tmp_path, LINE, agents, {"fake": FakeSystem()})
    state = await bench.run()
    (card,) = state.open_cards()
    assert state.status == "parked"
    assert agents[1].runs == 3
    assert card.data["reasons"][0]["text"] == "I do not like it"
    bench.desk.answer(card.id, answer)
    assert (await bench.advance(state.id)).state.status == status


async def test_policy_asks_once_and_a_grant_goes_on(tmp_path: Path) -> None:
    bench, system, _ = fork(tmp_path, policy=ASK)
    state = await bench.run()
    (card,) = state.open_cards()
    assert [effect["slot"] for effect in card.data["effects"]] == ["one", "two"]
    assert not system.attempts
    assert (await bench.advance(state.id)).state.status == "parked"
    assert len(bench.state(state.id).cards) == 1
    bench.desk.approve(card.id)
    bench.desk.approve(card.id)
    state = (await bench.advance(state.id)).state
    assert state.status == "completed"
    assert [e.data["authority"] for e in state.effects.values()] == [card.id, card.id]
    assert len(system.attempts) == 2


async def test_a_struck_effect_and_what_rests_on_it_do_not_happen(tmp_path: Path) -> None:
    bench, system, _ = fork(tmp_path, policy=ASK, join=proposes("one", "two", "three", after={"two": ("one",)}))
    state = await bench.run()
    bench.desk.approve(state.open_cards()[0].id, struck=["one"])
    state = (await bench.advance(state.id)).state
    assert state.status == "completed"
    assert [payload["what"] for _, payload in system.done.values()] == ["three"]


async def test_a_denial_ends_the_task_with_nothing_done(tmp_path: Path) -> None:
    bench, system, _ = fork(tmp_path, policy=ASK)
    state = await bench.run()
    bench.desk.deny(state.open_cards()[0].id, "not now")
    state = (await bench.advance(state.id)).state
    assert (state.status, state.summary) == ("failed", "not now")
    assert not system.attempts


async def test_a_denial_wins_over_an_approval_until_something_started(tmp_path: Path) -> None:
    bench, system, _ = fork(tmp_path, policy=ASK)
    state = await bench.run()
    card = state.open_cards()[0].id
    bench.desk.approve(card)
    bench.desk.deny(card, "changed my mind")
    assert (await bench.advance(state.id)).state.status == "failed"
    assert not system.attempts


async def test_a_card_expires_into_a_no(tmp_path: Path) -> None:
    bench, system, _ = fork(tmp_path, policy=ASK)
    state = await bench.run()
    bench.clock.advance(timedelta(hours=73))
    with pytest.raises(Refused, match="expired"):
        bench.desk.approve(state.open_cards()[0].id)
    state = (await bench.advance(state.id)).state
    assert state.status == "failed"
    assert not system.attempts


async def test_an_edit_replaces_the_card_and_what_is_done(tmp_path: Path) -> None:
    bench, system, _ = fork(tmp_path, policy=ASK)
    state = await bench.run()
    first = state.open_cards()[0]
    bench.desk.edit(first.id, "left", {"said": "mine"})
    state = (await bench.advance(state.id)).state
    second = state.open_cards()[0]
    assert second.id != first.id
    with pytest.raises(Refused):
        bench.desk.approve(first.id)
    bench.desk.approve(second.id)
    assert (await bench.advance(state.id)).state.status == "completed"
    assert next(iter(system.done.values()))[1]["given"] == ["mine", "R"]


async def test_what_was_done_is_unwound_when_a_later_effect_fails_for_good(tmp_path: Path) -> None:
    bench, system, _ = fork(tmp_path, join=proposes("one", "two", "three"))
    bench_fail(system, 2)
    state = await bench.run()
    assert state.status == "failed"
    assert [verb for verb, _ in system.done.values()] == ["act", "act", "unact", "unact"]
    undone = [payload["ref"] for verb, payload in system.done.values() if verb == "unact"]
    done = [e.receipt["ref"] for e in state.effects.values() if e.receipt and not e.data["undoes"]]
    assert undone == list(reversed(done))
    failed = bench.platform.log.last(stream=f"task/{state.id}", types=("task.failed",))
    assert failed is not None
    assert failed.data["unwound"] == ["Do two", "Do one"]
    assert failed.data["stands"] == []
    (notice,) = bench.state(state.id).open_cards()
    texts = [reason["text"] for reason in notice.data["reasons"]]
    assert texts[1:] == ["Taken back: Do two", "Taken back: Do one"]
    assert not bench.desk.answer(notice.id, "seen").open_cards()


def bench_fail(system: FakeSystem, after: int) -> None:
    original, calls = system._act, 0

    def act(verb: str, payload: dict[str, Any], key: str) -> Any:
        nonlocal calls
        calls += 1
        if calls == after + 1:
            system.fail("permanent")
            return system.do(verb, payload, key)
        return original(verb, payload, key)

    system._act = act  # type: ignore[method-assign]


async def test_an_undo_that_fails_parks_with_a_card_of_what_stands(tmp_path: Path) -> None:
    bench, system, _ = fork(tmp_path, join=proposes("one", "two"))
    bench_fail(system, 1)
    system.fail(*[])
    original = system.do

    def do(verb: str, payload: dict[str, Any], key: str) -> Any:
        if verb == "unact":
            system.fail("permanent")
        return original(verb, payload, key)

    system.do = do  # type: ignore[method-assign]
    state = await bench.run()
    (card,) = state.open_cards()
    assert state.status == "parked"
    assert card.title.startswith("Could not undo")
    bench.desk.answer(card.id, "leave")
    state = (await bench.advance(state.id)).state
    assert state.status == "failed"
    failed = bench.platform.log.last(stream=f"task/{state.id}", types=("task.failed",))
    assert failed is not None
    assert failed.data["stands"] == ["Do one"]


@pytest.mark.parametrize("moment", ["killed_before", "killed_after"])
async def test_a_worker_killed_around_an_effect_leaves_it_done_once(tmp_path: Path, moment: Any) -> None:
    bench, system, _ = fork(tmp_path)
    system.fail(moment)
    task = bench.submit()
    with pytest.raises(Killed):
        await bench.advance(task)
    bench.open()
    assert (await bench.advance(task)).state.status == "completed"
    assert system.copies == 2
    assert len(system.done) == 2


async def test_an_unsafe_effect_in_doubt_is_a_card_and_never_a_retry(tmp_path: Path) -> None:
    system = FakeSystem(repeat="unsafe", absence=False)
    bench, _, _ = fork(tmp_path)
    bench._systems = {"fake": system}
    bench.open()
    system.searchable = False
    system.fail("in_doubt_after")
    state = await bench.run()
    (card,) = state.open_cards()
    assert card.kind == "doubt"
    assert system.copies == 1
    bench.desk.answer(card.id, "it happened")
    state = (await bench.advance(state.id)).state
    assert state.status == "completed"
    assert system.copies == 2


async def test_a_doubt_is_found_by_looking_again(tmp_path: Path) -> None:
    bench, system, _ = fork(tmp_path)
    system.fail("in_doubt_after")
    state = await bench.run()
    bench.desk.answer(state.open_cards()[0].id, "look again")
    assert (await bench.advance(state.id)).state.status == "completed"
    assert system.copies == 2


async def test_two_workers_on_one_task_one_goes_on_and_the_other_stops(tmp_path: Path) -> None:
    gate = asyncio.Event()

    async def slow(request: AnyRequest, kit: Kit) -> AnyResult:
        await gate.wait()
        return AnyResult(said="L")

    bench, system, agents = fork(tmp_path, left=slow)
    task = bench.submit()
    first = asyncio.create_task(bench.advance(task))
    await asyncio.sleep(0.1)
    assert (await bench.advance(task)).busy
    gate.set()
    assert (await first).state.status == "completed"
    assert agents[0].runs == 1
    assert system.copies == 2


async def test_stop_refuses_effects_until_start(tmp_path: Path) -> None:
    bench, system, _ = fork(tmp_path)
    task = bench.submit()
    bench.desk.stop("holiday")
    advanced = await bench.advance(task)
    assert "holiday" in advanced.stopped
    assert not system.attempts
    bench.desk.start()
    assert (await bench.advance(task)).state.status == "completed"


async def test_cancel_closes_the_task_and_withdraws_its_card(tmp_path: Path) -> None:
    bench, system, _ = fork(tmp_path, policy=ASK)
    state = await bench.run()
    card = state.open_cards()[0]
    state = bench.desk.cancel(state.id, "no longer needed")
    assert state.status == "cancelled"
    with pytest.raises(Refused):
        bench.desk.approve(card.id)
    await bench.advance(state.id)
    assert not system.attempts


async def test_undo_takes_back_and_the_next_time_is_another_generation(tmp_path: Path) -> None:
    bench, system, _ = fork(tmp_path)
    state = await bench.run()
    keys = bench.desk.undoable(state.id)
    assert [key.rsplit("/", 1)[1] for key in keys] == ["two", "one"]
    undo = (await bench.advance(bench.desk.undo(keys))).state
    assert undo.status == "completed"
    assert [verb for verb, _ in system.done.values()] == ["act", "act", "unact", "unact"]
    with pytest.raises(NotFound):
        bench.desk.undoable(state.id)
    again = (await bench.advance(bench.desk.undo(keys))).state
    assert [verb for verb, _ in system.done.values()] == ["act", "act", "unact", "unact"]
    assert again.closed


async def test_a_rehearsal_shows_the_card_and_does_nothing(tmp_path: Path) -> None:
    bench, system, _ = fork(tmp_path, policy=ASK)
    state = await bench.run(rehearsal=True)
    assert state.status == "completed"
    assert len(state.cards) == 1
    assert not system.attempts
    assert not state.effects
    assert "rehearsed" in state.summary


async def test_held_effects_wait_for_their_window(tmp_path: Path) -> None:
    system = FakeSystem(held=True)
    bench = Bench(
        tmp_path, FORK, [FakeAgent("left", says(1)), FakeAgent("right", says(2)), FakeAgent("join", proposes("one"))],
        {"fake": system}, hold_minutes=10,
    )  # fmt: skip
    state = await bench.run()
    assert (state.status, state.parked[0]["kind"]) == ("parked", "until")
    assert not system.attempts
    bench.clock.advance(timedelta(minutes=11))
    assert (await bench.advance(state.id)).state.status == "completed"


async def test_undoing_what_a_task_did_recalls_what_it_still_holds(tmp_path: Path) -> None:
    first, held = FakeSystem(), FakeSystem("other", held=True)

    async def both(request: AnyRequest, kit: Kit) -> AnyResult:
        one = await proposes("one")(request, kit)
        two = await proposes("two", system="other")(request, kit)
        return one.model_copy(update={"proposals": [*one.proposals, *two.proposals]})

    agents = [FakeAgent("left", says(1)), FakeAgent("right", says(2)), FakeAgent("join", both)]
    bench = Bench(tmp_path, FORK, agents, {"fake": first, "other": held}, hold_minutes=10)
    state = await bench.run()
    assert (state.status, first.copies) == ("parked", 1)
    undo = await bench.advance(bench.desk.undo(bench.desk.undoable(state.id)))
    assert undo.state.status == "completed"
    bench.clock.advance(timedelta(minutes=11))
    assert (await bench.advance(state.id)).state.status == "cancelled"
    assert not held.attempts


async def test_an_agent_that_changed_its_input_becomes_a_card(tmp_path: Path) -> None:
    class Stricter(BaseModel):
        given: Any
        colour: str

    bench, system, agents = fork(tmp_path)
    system.fail("transient")
    agents[2].manifest = agents[2].manifest.model_copy(update={"version": "1"})

    async def busy(request: AnyRequest, kit: Kit) -> AnyResult:
        raise Transient("busy")

    agents[0]._work = busy
    state = await bench.run()
    agents[0]._work, agents[2].Request = says("L"), Stricter
    bench.clock.advance(timedelta(hours=2))
    state = (await bench.advance(state.id)).state
    (card,) = state.open_cards()
    assert (state.status, card.kind) == ("parked", "failure")
    agents[2].Request = AnyRequest
    bench.desk.answer(card.id, "retry")
    state = (await bench.advance(state.id)).state
    bench.clock.advance(timedelta(hours=2))
    assert (await bench.advance(state.id)).state.status == "completed"


def with_model(tmp_path: Path, models: FakeModels, policy: dict[str, Any] | None = None) -> tuple[Bench, FakeSystem]:
    async def write(request: AnyRequest, kit: Kit) -> AnyResult:
        answer = await kit.write("system", "prompt", max_tokens=100)
        return AnyResult(said=answer.value)

    system = FakeSystem()
    agents = [FakeAgent("left", write, tier="small"), FakeAgent("right", says("R")), FakeAgent("join", proposes("one"))]
    rules = {"actions": {"fake.act": {"autonomy": "allow", "known_clients_only": False}}, "rates": {"USD": "1"}}
    return Bench(tmp_path, FORK, agents, {"fake": system}, policy=rules | (policy or {}), models=models), system


async def test_a_model_call_is_reserved_settled_and_never_made_twice(tmp_path: Path) -> None:
    models = FakeModels(["hello"], cost="0.01")
    bench, system = with_model(tmp_path, models)
    system.fail("killed_before")
    task = bench.submit()
    with pytest.raises(Killed):
        await bench.advance(task)
    bench.open()
    state = (await bench.advance(task)).state
    assert state.status == "completed"
    assert len(models.requests) == 1
    assert str(state.spent["USD"]) == "0.01"
    assert state.reservations == {}


async def test_over_the_tasks_budget_a_card_asks_before_the_call(tmp_path: Path) -> None:
    models = FakeModels(["hello"], cost="0.60")
    bench, _ = with_model(tmp_path, models, {"budgets": {"task": {"cost": "1"}}})
    state = await bench.run()
    (card,) = state.open_cards()
    assert (state.status, card.kind, len(models.requests)) == ("parked", "budget", 0)
    bench.desk.approve(card.id)
    assert (await bench.advance(state.id)).state.status == "completed"


async def test_tight_and_loose_runs_differ_in_tier_parallelism_and_lane(tmp_path: Path) -> None:
    bench, _ = with_model(tmp_path, FakeModels(["hello"]))
    tight = await bench.run(by=bench.clock.now() + timedelta(minutes=30))
    loose = await bench.run(by=bench.clock.now() + timedelta(days=3))
    assert tight.estimate is not None
    assert loose.estimate is not None
    knobs = [(e["tier"], e["parallel"], e["lane"]) for e in (tight.estimate, loose.estimate)]
    assert knobs == [("large", 8, "now"), ("small", 1, "overnight")]
    assert tight.status == "completed"
    assert (loose.status, loose.parked[0]["until"]) == ("parked", "2026-11-23T22:00:00+00:00")
    bench.clock.advance(timedelta(hours=10, minutes=1))
    assert (await bench.advance(loose.id)).state.status == "completed"


async def test_a_recorded_task_replays_to_the_same_bytes_and_shows_the_first_difference(tmp_path: Path) -> None:
    models = FakeModels(["hello"])
    bench, _ = with_model(tmp_path, models)
    state = await bench.run()
    report = await replay(bench.platform, state.id)
    assert report.same
    assert [step.step for step in report.steps] == ["left", "right", "join"] or len(report.steps) == 3
    assert len(models.requests) == 1
    bench._agents[1]._work = says("changed")
    report = await replay(bench.platform, state.id)
    assert not report.same
    assert "recorded 'R', now 'changed'" in (report.first_difference or "")
