"""What an adversary found, and must not find again. Each test is one way in which money or a promise was lost."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from agentos.agent import Kit
from agentos.effects.port import Proposal
from agentos.errors import Refused
from agentos.tasks.readiness import can_go_on
from tests.fakes.effects import FakeSystem, Killed
from tests.fakes.models import FakeModels
from tests.fakes.platform import ALLOW, ASK, RECIPE, AnyRequest, AnyResult, Bench, FakeAgent, proposes

TWO = """
workflow = "publish-post"
title = "T"
[[steps]]
id = "a"
agent = "make"
inputs = { given = "a" }
[[steps]]
id = "b"
agent = "make"
inputs = { given = "b" }
[[steps]]
id = "deliver"
kind = "effects"
needs = ["a", "b"]
inputs = { from = ["a", "b"] }
"""


def numbered(*slots: str) -> Any:
    async def work(request: AnyRequest, kit: Kit) -> AnyResult:
        proposals = [
            Proposal(
                system="fake",
                verb="act",
                slot=slot,
                title=f"Do {slot}",
                payload={"number": "⟦number⟧", "given": request.given},
                assigned={"number": "series:invoice"},
                fill=("/number",),
            )
            for slot in slots
        ]
        return AnyResult(proposals=proposals)

    return work


def bench_in(root: Path, work: Any, recipe: str = RECIPE, **more: Any) -> tuple[Bench, FakeSystem]:
    system = more.pop("system", None) or FakeSystem()
    return Bench(root, recipe, [FakeAgent("make", work)], {"fake": system}, **more), system


def numbers(bench: Bench, type: str) -> list[int]:
    return [record.data["number"] for record in bench.platform.log.read(types=(type,))]


async def test_what_was_struck_out_stays_out_when_a_new_reason_asks_again(tmp_path: Path) -> None:
    bench, system = bench_in(tmp_path, proposes("one", "two", "three"), policy=ASK)
    system.fail("transient", retry_after=60)
    state = await bench.run()
    bench.desk.approve(state.open_cards()[0].id, ["two"])
    assert (await bench.advance(state.id)).state.status == "parked"
    bench._policy = {"actions": {"fake.act": {"autonomy": "ask", "known_clients_only": False, "ask_first_time": True}}}
    bench.open()
    bench.clock.advance(timedelta(minutes=5))
    state = (await bench.advance(state.id)).state
    for card in state.open_cards():
        assert "two" not in [effect["slot"] for effect in card.data["effects"]]
        bench.desk.approve(card.id)
    state = (await bench.advance(state.id)).state
    assert state.status == "completed"
    assert [payload["what"] for _, payload in system.done.values()] == ["one", "three"]


async def test_what_was_approved_is_not_forgotten_by_a_later_card(tmp_path: Path) -> None:
    rule = {"autonomy": "ask", "known_clients_only": False}
    bench, _ = bench_in(tmp_path, proposes("one", "two"), policy={"actions": {"fake.act": rule}})
    state = await bench.run()
    bench.desk.approve(state.open_cards()[0].id)
    bench._policy = {"actions": {"fake.act": rule | {"ask_first_time": True}}}
    bench.open()
    state = (await bench.advance(state.id)).state
    bench.desk.approve(state.open_cards()[0].id)
    state = (await bench.advance(state.id)).state
    assert state.status == "completed"
    assert len(state.cards) == 2


async def test_stop_holds_a_started_effect_too(tmp_path: Path) -> None:
    bench, system = bench_in(tmp_path, proposes("one"))
    system.fail("killed_before")
    task = bench.submit()
    with pytest.raises(Killed):
        await bench.advance(task)
    bench.open()
    bench.desk.stop("now")
    assert (await bench.advance(task)).stopped
    assert not system.done


async def test_a_number_of_a_failed_try_is_never_used_again(tmp_path: Path) -> None:
    bench, system = bench_in(tmp_path, numbered("one"), policy=ASK)
    state = await bench.run()
    bench.desk.approve(state.open_cards()[0].id)
    system.fail("transient", retry_after=60)
    await bench.advance(state.id)
    bench.desk.cancel(state.id, "never mind")
    assert (numbers(bench, "number.assigned"), numbers(bench, "number.voided")) == ([1], [1])
    state = await bench.run()
    bench.desk.approve(state.open_cards()[0].id)
    await bench.advance(state.id)
    assert [payload["number"] for _, payload in system.done.values()] == ["2026-0002"]


async def test_an_undo_that_failed_in_one_task_can_be_done_by_another(tmp_path: Path) -> None:
    bench, system = bench_in(tmp_path, proposes("one"))
    state = await bench.run()
    keys = bench.desk.undoable(state.id)
    system.fail("transient", retry_after=600)
    first = (await bench.advance(bench.desk.undo(keys))).state
    second = (await bench.advance(bench.desk.undo(keys))).state
    assert second.status == "parked"
    assert not can_go_on(second, bench.clock.now())
    bench.desk.cancel(first.id, "the other one does it")
    bench.clock.advance(timedelta(minutes=20))
    assert (await bench.advance(second.id)).state.status == "completed"
    assert [verb for verb, _ in system.done.values()] == ["act", "unact"]


async def test_one_final_effect_does_not_hold_up_the_undo_of_the_others(tmp_path: Path) -> None:
    final = FakeSystem("other", reversible="final")

    async def both(request: AnyRequest, kit: Kit) -> AnyResult:
        one, two = await proposes("one")(request, kit), await proposes("two", system="other")(request, kit)
        return one.model_copy(update={"proposals": [*one.proposals, *two.proposals]})

    first = FakeSystem()
    bench = Bench(tmp_path, RECIPE, [FakeAgent("make", both)], {"fake": first, "other": final})
    state = await bench.run()
    undo = (await bench.advance(bench.desk.undo(bench.desk.undoable(state.id)))).state
    assert undo.status == "completed"
    assert [verb for verb, _ in first.done.values()] == ["act", "unact"]


async def test_an_answer_to_one_doubt_is_not_taken_for_another(tmp_path: Path) -> None:
    system = FakeSystem(repeat="unsafe", absence=False)
    system.searchable = False
    bench, _ = bench_in(tmp_path, proposes("one", "two"), system=system)
    system.fail("in_doubt_before")
    state = await bench.run()
    bench.desk.answer(state.open_cards()[0].id, "it did not happen")
    original, calls = system.do, 0

    def do(verb: str, payload: dict[str, Any], key: str) -> Any:
        nonlocal calls
        calls += 1
        if calls == 2:
            system.fail("in_doubt_after")
        return original(verb, payload, key)

    system.do = do  # type: ignore[method-assign]
    state = (await bench.advance(state.id)).state
    (card,) = state.open_cards()
    assert (card.kind, card.title) == ("doubt", "Did it happen? Do two")
    assert system.copies == 2
    bench.desk.answer(card.id, "it happened")
    assert (await bench.advance(state.id)).state.status == "completed"
    assert system.copies == 2


async def test_what_happened_is_found_before_anything_is_asked(tmp_path: Path) -> None:
    bench, system = bench_in(tmp_path, proposes("one"))
    system.fail("killed_after")
    task = bench.submit()
    with pytest.raises(Killed):
        await bench.advance(task)
    bench._policy = ASK
    bench.open()
    state = (await bench.advance(task)).state
    assert (state.status, len(state.cards), system.copies) == ("completed", 0, 1)


async def test_two_steps_may_name_their_slots_alike(tmp_path: Path) -> None:
    bench, system = bench_in(tmp_path, numbered("invoice"), recipe=TWO)
    state = await bench.run()
    assert state.status == "completed"
    found = {payload["given"]: payload["number"] for _, payload in system.done.values()}
    assert found == {"a": "2026-0001", "b": "2026-0002"}


async def test_nothing_more_is_begun_while_a_failed_task_is_unwound(tmp_path: Path) -> None:
    recipe = TWO.replace(
        'needs = ["a", "b"]\ninputs = { from = ["a", "b"] }',
        'needs = ["a"]\ninputs = { from = ["a"] }\n[[steps]]\nid = "later"\nkind = "effects"\nneeds = ["b"]\n'
        'inputs = { from = ["b"] }',
    )

    async def work(request: AnyRequest, kit: Kit) -> AnyResult:
        if request.given == "b" and "go" not in kit.answers:
            from agentos.agent import Question

            raise Question("go", "Go on?")
        return await proposes("one", "two")(request, kit)

    bench, system = bench_in(tmp_path, work, recipe=recipe)
    calls, original = 0, system.do

    def do(verb: str, payload: dict[str, Any], key: str) -> Any:
        nonlocal calls
        calls += 1
        if calls == 2:
            system.fail("permanent")
        if verb == "unact":
            system.fail("transient")
        return original(verb, payload, key)

    system.do = do  # type: ignore[method-assign]
    state = await bench.run()
    question = next(card for card in state.open_cards() if card.kind == "question")
    bench.desk.answer(question.id, "yes")
    bench.clock.advance(timedelta(hours=2))
    await bench.advance(state.id)
    assert all("/a/" in key for key in system.done)


async def test_leaving_one_thing_standing_leaves_nothing_else(tmp_path: Path) -> None:
    bench, system = bench_in(tmp_path, proposes("one", "two", "three"))
    original, calls = system.do, 0

    def do(verb: str, payload: dict[str, Any], key: str) -> Any:
        nonlocal calls
        calls += 1
        if calls in (3, 4):
            system.fail("permanent")
        return original(verb, payload, key)

    system.do = do  # type: ignore[method-assign]
    state = await bench.run()
    card = next(card for card in state.open_cards() if card.title.startswith("Could not undo"))
    bench.desk.answer(card.id, "leave")
    await bench.advance(state.id)
    failed = bench.platform.log.last(stream=f"task/{state.id}", types=("task.failed",))
    assert failed is not None
    assert (failed.data["unwound"], failed.data["stands"]) == (["Do one"], ["Do two"])


async def test_what_has_begun_can_no_longer_be_edited(tmp_path: Path) -> None:
    bench, system = bench_in(tmp_path, proposes("one", "two"), policy=ASK)
    state = await bench.run()
    bench.desk.approve(state.open_cards()[0].id, [])
    original, calls = system.do, 0

    def do(verb: str, payload: dict[str, Any], key: str) -> Any:
        nonlocal calls
        calls += 1
        if calls == 2:
            system.fail("transient")
        return original(verb, payload, key)

    system.do = do  # type: ignore[method-assign]
    await bench.advance(state.id)
    bench._policy = {"actions": {"fake.act": {"autonomy": "ask", "known_clients_only": True}}}
    bench.open()
    bench.clock.advance(timedelta(hours=1))
    state = (await bench.advance(state.id)).state
    with pytest.raises(Refused, match="has begun"):
        bench.desk.edit(state.open_cards()[0].id, "make", {"said": "other"})


async def test_a_denied_budget_ends_the_task(tmp_path: Path) -> None:
    async def write(request: AnyRequest, kit: Kit) -> AnyResult:
        return AnyResult(said=(await kit.write("s", "p")).value)

    models = FakeModels(["hello"], cost="0.60")
    policy = ALLOW | {"rates": {"USD": "1"}, "budgets": {"task": {"cost": "1"}}}
    bench = Bench(tmp_path, RECIPE, [FakeAgent("make", write, tier="small")], {}, policy=policy, models=models)
    state = await bench.run()
    bench.desk.deny(state.open_cards()[0].id, "too dear")
    state = (await bench.advance(state.id)).state
    assert (state.status, state.summary, len(models.requests)) == ("failed", "too dear", 0)


async def test_a_half_edited_recipe_waits_to_be_mended(tmp_path: Path) -> None:
    bench, _ = bench_in(tmp_path, proposes("one"))
    good = (tmp_path / "recipes" / "test.toml").read_text()
    (tmp_path / "recipes" / "test.toml").write_text(good + "\nneeds = [")
    state = await bench.run()
    (card,) = state.open_cards()
    assert "recipes/test.toml" in card.title
    (tmp_path / "recipes" / "test.toml").write_text(good)
    bench.desk.answer(card.id, "retry")
    assert (await bench.advance(state.id)).state.status == "completed"


@pytest.mark.parametrize("rule", ["most", ""])
async def test_an_unknown_merge_rule_is_refused_before_anything_is_done(tmp_path: Path, rule: str) -> None:
    recipe = RECIPE.replace("[[steps]]", f'[merge]\nsaid = "{rule}"\n[[steps]]', 1)
    bench, system = bench_in(tmp_path, proposes("one"), recipe=recipe)
    assert (await bench.run()).status == "parked"
    assert not system.done


async def test_values_that_cannot_be_compared_are_the_operators_to_decide(tmp_path: Path) -> None:
    recipe = TWO.replace("[[steps]]", '[merge]\nsaid = "min"\n[[steps]]', 1)

    async def work(request: AnyRequest, kit: Kit) -> AnyResult:
        return AnyResult(said=1 if request.given == "a" else "one")

    bench, _ = bench_in(tmp_path, work, recipe=recipe)
    state = await bench.run()
    (card,) = state.open_cards()
    assert "contradict" in card.title
    bench.desk.answer(card.id, "cancel")
    assert (await bench.advance(state.id)).state.status == "failed"


async def test_a_forgotten_clients_task_ends_and_says_so(tmp_path: Path) -> None:
    bench, system = bench_in(tmp_path, proposes("one"), policy=ASK)
    task = bench.submit("Write a blog post about cats", check=lambda _: "acme-studio")
    state = (await bench.advance(task)).state
    bench.platform.store.sealer.keys.destroy("acme-studio")
    bench.open()
    state = (await bench.advance(task)).state
    assert state.closed
    assert not state.open_cards()
    assert not system.done


async def test_first_time_asks_once(tmp_path: Path) -> None:
    rule = {"autonomy": "allow", "known_clients_only": False, "ask_first_time": True}
    bench, _ = bench_in(tmp_path, proposes("one"), policy={"actions": {"fake.act": rule}})
    state = await bench.run()
    bench.desk.approve(state.open_cards()[0].id)
    await bench.advance(state.id)
    assert (await bench.run()).status == "completed"


async def test_low_confidence_asks(tmp_path: Path) -> None:
    async def unsure(request: AnyRequest, kit: Kit) -> AnyResult:
        return (await proposes("one")(request, kit)).model_copy(update={"confidence": 0.1})

    bench, _ = bench_in(tmp_path, unsure, policy=ALLOW | {"min_confidence": 0.9})
    state = await bench.run()
    assert [reason["code"] for reason in state.open_cards()[0].data["reasons"]] == ["confidence.low"]
