"""A request that is a client's is hers from its first word: what is asked and answered before the plan is sealed."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentos.events.record import NewEvent
from agentos.invariants.check import check
from desk.submitting import checker
from graphs.replay import replay
from tests.fakes.business import Shop, asked


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    made = Shop(tmp_path / "w")
    made.open()
    return made


async def test_question_and_answer_before_the_plan_are_sealed_with_the_requests_key(shop: Shop) -> None:
    task = shop.desk.submit("Invoice Acme Studio for the March workshop", check=checker(shop.root))
    state = await shop.advance(task)
    assert asked(state).data["question"]["slot"] == "amount"
    again = await shop.answer(state, "1200 EUR to Acme Studio")
    assert "Acme Studio" in asked(again).title
    done = await shop.approve(await shop.answer(again, "1200 EUR net"))
    told = [
        r for r in shop.platform.log.read(stream=f"task/{task}") if r.type.startswith(("approval.", "task.", "step."))
    ]
    assert {r.type for r in told if r.subject is None} == {"task.opened"}
    assert "acme-studio" in {r.subject for r in told}
    assert done.plan is not None
    report = check(shop.platform.store)
    assert report.ok, report.violations
    assert (await replay(shop.platform, task)).first_difference is None


async def test_a_name_in_the_open_about_a_clients_request_is_found_and_one_in_nobodys_is_none(shop: Shop) -> None:
    about = {"why": [{"kind": "question", "on": "c", "until": None, "why": "What of Acme Studio GmbH?"}]}
    hers = shop.desk.submit("Invoice Acme Studio for the March workshop", check=checker(shop.root))
    nobodys = shop.desk.submit("Write a blog post about working with Acme Studio", check=checker(shop.root))
    intents = [r.subject for r in shop.platform.log.read(types=("intent.received",))]
    assert intents == ["acme-studio", None]
    shop.platform.log.append(NewEvent("task.parked", f"task/{nobodys}", about, correlation=nobodys))
    assert "sealed.names" not in {one.code for one in check(shop.platform.store).violations}
    shop.platform.log.append(NewEvent("task.parked", f"task/{hers}", about, correlation=hers))
    assert "sealed.names" in {one.code for one in check(shop.platform.store).violations}
