"""A replay makes the whole task again: plan, cards, payloads, end. Another decision, recipe or policy is seen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agentos.agent import Kit, Question
from agentos.effects.port import Receipt
from agentos.errors import Missing, Permanent
from agentos.invariants.check import check
from agentos.models import ModelAnswer, ModelEstimate, ModelRequest
from agentos.policy import Allow
from agentos.tasks import gate
from agentos.tasks.capabilities import CAPABILITIES
from graphs.recipes import Shelf, load_shelf
from graphs.replay import ReplayReport, replay
from tests.fakes.business import Shop, asked
from tests.fakes.effects import FakeSystem, Killed
from tests.fakes.models import FakeModels
from tests.fakes.platform import ALLOW, ASK, AnyRequest, AnyResult, Bench, FakeAgent, proposes, says
from tests.fakes.terminal import Agentos

RECIPE = """
workflow = "publish-post"
title = "Test"
[[steps]]
id = "think"
agent = "thinker"
[[steps]]
id = "plan_it"
agent = "doer"
needs = ["think"]
inputs = { given = "$think.said" }
[[steps]]
id = "act"
kind = "effects"
needs = ["plan_it"]
inputs = { from = ["plan_it"] }
"""


def bench_in(folder: Path, *, policy: Any = ALLOW, doer: Any = None) -> tuple[Bench, FakeSystem]:
    system = FakeSystem()
    agents = [FakeAgent("thinker", says("thought")), FakeAgent("doer", doer or proposes("one", "two"))]
    return Bench(folder, RECIPE, agents, {"fake": system}, policy=policy), system


class Refusing(FakeSystem):
    """Does the first thing and refuses the second."""

    def do(self, verb: str, payload: dict[str, Any], key: str) -> Receipt:
        if verb == "act" and payload["what"] == "two":
            raise Permanent("closed for good")
        return super().do(verb, payload, key)


async def again(bench: Bench, task: str, system: FakeSystem) -> ReplayReport:
    """Replays, and sees to it that nothing was written or done by that."""
    head, done = bench.platform.log.head(), len(system.attempts)
    report = await replay(bench.platform, task)
    assert (bench.platform.log.head(), len(system.attempts)) == (head, done)
    return report


async def parked(tmp_path: Path) -> tuple[Bench, FakeSystem, str]:
    bench, system = bench_in(tmp_path, policy=ASK)
    task = bench.submit()
    await bench.advance(task)
    return bench, system, task


async def test_a_parked_task_is_made_again_up_to_its_card(tmp_path: Path) -> None:
    bench, system, task = await parked(tmp_path)
    report = await again(bench, task, system)
    assert report.first_difference is None
    assert (report.plans, len(report.steps), report.cards, report.effects, report.ends) == (1, 2, 1, 0, 1)


async def test_an_approved_task_is_made_again_with_its_payloads(tmp_path: Path) -> None:
    bench, system, task = await parked(tmp_path)
    bench.desk.approve(bench.state(task).open_cards()[0].id)
    await bench.advance(task)
    report = await again(bench, task, system)
    assert report.first_difference is None
    assert (report.cards, report.effects, report.ends) == (1, 2, 2)


async def test_a_denied_an_edited_and_a_cancelled_task(tmp_path: Path) -> None:
    for name in ("denied", "edited", "cancelled"):
        bench, system, task = await parked(tmp_path / name)
        card = bench.state(task).open_cards()[0].id
        if name == "denied":
            bench.desk.deny(card, "no")
        elif name == "edited":
            bench.desk.edit(card, "think", {"said": "better"})
        else:
            bench.desk.cancel(task, "no need")
        await bench.advance(task)
        assert (await again(bench, task, system)).first_difference is None, name


async def test_an_unwound_task_fails_again_for_the_same_reason(tmp_path: Path) -> None:
    system = Refusing()
    agents = [FakeAgent("thinker", says("thought")), FakeAgent("doer", proposes("one", "two"))]
    bench = Bench(tmp_path, RECIPE, agents, {"fake": system})
    task = bench.submit()
    state = (await bench.advance(task)).state
    assert state.status == "failed"
    report = await again(bench, task, system)
    assert report.first_difference is None
    assert report.effects == 3, "two done or tried, one taken back"


async def test_a_worker_that_was_lost_in_the_middle_is_lost_again(tmp_path: Path) -> None:
    bench, system = bench_in(tmp_path)
    system.fail("killed_after")
    task = bench.submit()
    with pytest.raises(Killed):
        await bench.advance(task)
    assert (await again(bench, task, system)).first_difference is None, "a record may end in the middle"
    bench.open()
    assert (await bench.advance(task)).state.status == "completed"
    assert (await again(bench, task, system)).first_difference is None


async def test_another_decision_is_a_difference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bench, system, task = await parked(tmp_path)
    monkeypatch.setattr(gate, "decide", lambda *_: Allow())
    report = await again(bench, task, system)
    assert not report.same
    assert "approval.requested" in (report.first_difference or "")


async def test_another_recipe_is_a_difference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bench, system, task = await parked(tmp_path)

    def renamed(own: Path | None, agents: Any = None) -> Shelf:
        recipes = load_shelf(own, agents).recipes
        return Shelf({name: recipe.model_copy(update={"title": "Other"}) for name, recipe in recipes.items()}, {})

    monkeypatch.setattr("graphs.planning.load_shelf", renamed)
    report = await again(bench, task, system)
    assert "plan.title: recorded 'Test', now 'Other'" in (report.first_difference or "")


async def test_another_agent_and_another_payload_are_differences(tmp_path: Path) -> None:
    bench, system = bench_in(tmp_path)
    task = bench.submit()
    await bench.advance(task)

    async def other(request: AnyRequest, kit: Kit) -> AnyResult:
        return (await proposes("one", "two", reasons=["because"])(request, kit)).model_copy(update={"said": "else"})

    agents: Any = dict(bench.platform.agents) | {"doer": FakeAgent("doer", other)}
    bench.platform.agents = agents
    report = await again(bench, task, system)
    assert (report.first_difference or "").startswith("step plan_it (round 1): reasons")


def test_the_policy_of_then_decides_and_an_undo_is_made_again(agentos: Agentos, root: Path) -> None:
    agentos("run", "Invoice Acme Studio 700 EUR for a workshop")
    waiting = agentos("desk", "--json").json[0]
    agentos("approve", waiting["card"])
    policy = root / "policy.toml"
    policy.write_text(policy.read_text().replace('below = "500.00"', 'below = "5000.00"'))
    replayed = agentos("replay", waiting["task"], "--json")
    assert (replayed.code, replayed.json["first_difference"]) == (0, None)
    assert replayed.json["reran"]["cards"] == 1
    assert replayed.json["reran"]["effects"] == 3
    undo = agentos("undo", waiting["task"], "--json").json["task"]
    again = agentos("replay", undo, "--json")
    assert (again.code, again.json["first_difference"]) == (0, None)
    assert again.json["reran"]["effects"] == 3
    assert "Taken from the record: what the operator said" in " ".join(agentos("replay", undo).out.split())


async def test_a_file_that_could_not_be_read_is_asked_about_again(tmp_path: Path) -> None:
    """The question is a tool's answer on record: whether the file is mended since says nothing about then."""
    shop = Shop(tmp_path / "w")
    path = shop.root / "rules.toml"
    path.write_text("[[broken")
    state = await shop.run("Produce a blog post about heat pumps for older houses and invoice Acme Studio 1,200 EUR")
    path.write_text("\n[[broken as well")
    again = await shop.answer(state, "retry")
    assert [card.kind for card in again.open_cards()] == ["question"]
    assert (await replay(shop.platform, state.id)).first_difference is None, "while it waits"
    path.write_text("")
    done = await shop.approve(await shop.answer(again, "retry"))
    assert done.step("edit").status == "completed"
    assert (await replay(shop.platform, state.id)).first_difference is None
    assert check(shop.platform.store).ok
    shop.close()


async def test_a_clients_file_that_broke_meanwhile_is_asked_about_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = Shop(tmp_path / "w")

    async def broken(run: Any, *, id: str) -> Any:
        raise Missing(f"A readable file for client {id}", where=f"clients/{id}.toml:3")

    with monkeypatch.context() as patched:
        patched.setitem(CAPABILITIES, "clients.get", broken)
        state = await shop.run("Invoice Acme Studio 1,200 EUR for the March workshop")
    assert asked(state).title.startswith("A readable file for client acme-studio is not set")
    (card,) = (await shop.answer(state, "retry")).open_cards()
    assert card.kind == "effects"
    report = await replay(shop.platform, state.id)
    assert (report.first_difference, report.cards) == (None, 2)
    shop.close()


async def test_a_question_of_a_tool_is_not_asked_twice_after_a_crash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed between the tool's answer and the card: what was found then is what is asked."""
    shop = Shop(tmp_path / "w")
    (shop.root / "rules.toml").write_text("[[broken")

    async def killed(*_: Any) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr("agentos.tasks.cards.ask", killed)
        with pytest.raises(Killed):
            await shop.run("Write a blog post about heat pumps for older houses")
    (shop.root / "rules.toml").write_text("")
    state = await shop.advance(next(shop.platform.log.read(types=("task.opened",))).data["task"])
    assert "rules.toml:1" in asked(state).title
    assert (await replay(shop.platform, state.id)).first_difference is None
    shop.close()


class Keyless(FakeModels):
    """Its key is gone between the look at what there is and the call; `key` is set again in time."""

    key = False

    def estimate(self, request: ModelRequest) -> ModelEstimate:
        if not self.key:
            raise Missing("The key for fake-model", where="environment variable A_KEY", hint="Set it.")
        return super().estimate(request)


def writing(folder: Path, models: FakeModels) -> Bench:
    async def writes(request: AnyRequest, kit: Kit) -> AnyResult:
        return AnyResult(said=(await kit.write("", "Say it.")).value)

    agents = [FakeAgent("thinker", writes, tier="small"), FakeAgent("doer", proposes("one"))]
    policy = ALLOW | {"rates": {"USD": "0.9"}}
    return Bench(folder, RECIPE, agents, {"fake": FakeSystem()}, policy=policy, models=models)


async def test_a_key_that_is_missing_is_asked_for_on_record_and_asked_for_again(tmp_path: Path) -> None:
    models = Keyless()
    bench = writing(tmp_path, models)
    task = bench.submit()
    for _ in range(2):
        card = asked((await bench.advance(task)).state)
        assert card.title.startswith("The key for fake-model is not set (environment variable A_KEY)")
    models.key = True
    report = await replay(bench.platform, task)
    assert (report.first_difference, report.cards) == (None, 1), "while it waits, and though there is a key now"
    bench.desk.answer(card.id, "it is set")
    assert (await bench.advance(task)).state.status == "completed"
    models.key = False
    report = await replay(bench.platform, task)
    assert (report.first_difference, report.cards) == (None, 1)
    assert [record.data["code"] for record in bench.platform.log.read(types=("model.missing",))] == [Missing.code]
    assert len(models.requests) == 1
    assert check(bench.platform.store).ok


async def test_a_key_that_is_missing_is_asked_for_though_the_worker_was_lost_before_the_card(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = Keyless()
    bench = writing(tmp_path, models)
    task = bench.submit()

    async def killed(*_: Any) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr("agentos.tasks.cards.ask", killed)
        with pytest.raises(Killed):
            await bench.advance(task)
    models.key = True
    card = asked((await bench.advance(task)).state)
    assert models.requests == []
    bench.desk.answer(card.id, "it is set")
    assert (await bench.advance(task)).state.status == "completed"
    assert (await replay(bench.platform, task)).first_difference is None


async def test_a_key_that_goes_while_it_is_reserved_costs_nothing(tmp_path: Path) -> None:
    class Going(Keyless):
        key = True

        async def call(self, request: ModelRequest) -> ModelAnswer:
            self.key = False
            self.estimate(request)
            raise AssertionError

    bench = writing(tmp_path, Going())
    state = (await bench.advance(bench.submit())).state
    assert asked(state).kind == "question"
    assert state.reservations == {}
    assert not any(state.spent.values())
    assert (await replay(bench.platform, state.id)).first_difference is None
    assert check(bench.platform.store).ok


async def test_a_question_after_a_model_has_answered_shows_what_that_cost(tmp_path: Path) -> None:
    async def wonders(request: AnyRequest, kit: Kit) -> AnyResult:
        said = (await kit.write("", "Say it.")).value
        if "sure" not in kit.answers:
            raise Question("sure", f"Is “{said}” right?")
        return AnyResult(said=said)

    agents = [FakeAgent("thinker", wonders, tier="small"), FakeAgent("doer", proposes("one"))]
    policy = ALLOW | {"rates": {"USD": "0.9"}}
    bench = Bench(tmp_path, RECIPE, agents, {"fake": FakeSystem()}, policy=policy, models=FakeModels())
    state = (await bench.advance(bench.submit())).state
    assert asked(state).data["body"]["spent"] == [{"amount": "0.001", "currency": "USD"}]
    assert (await replay(bench.platform, state.id)).first_difference is None
