"""A workspace in which nothing is filled in: what is missing is asked when it is needed, and asked once."""

from __future__ import annotations

import email
import email.policy
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from agentos.tasks.remembered import remembered
from agentos.tasks.state import TaskState
from agentos.workspace.init import init_workspace
from tests.fakes.business import MORNING, Shop, asked

STORY = "Produce a blog post about heat pumps for older houses and invoice Acme Studio 1,200 EUR"
ANSWERS = {
    "business.name": "Heide Lang Texte",
    "business.address": "Lindenweg 7, 10115 Berlin, DE",
    "business.email": "heide@lang.example",
    "business.vat_id": "DE999999999",
    "business.iban": "DE89370400440532013000",
    "business.vat_rate": "19",
}


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "none"))
    init_workspace(tmp_path / "w")
    made = Shop(tmp_path / "w")
    yield made
    made.close()


async def answer_all(shop: Shop, state: TaskState) -> tuple[TaskState, list[str]]:
    """Answer what is asked until something else waits; returns the slots, in the order they were asked."""
    slots = []
    while (card := state.open_cards()[0]).kind == "question":
        slots.append(str(card.data["question"]["slot"]))
        assert len(slots) < 10
        state = await shop.answer(state, ANSWERS[slots[-1]])
    return state, slots


async def test_the_invoice_and_its_mail_are_in_the_operators_name(shop: Shop) -> None:
    state, slots = await answer_all(shop, await shop.run(STORY))
    assert slots == list(ANSWERS)
    state = await shop.approve(state)
    assert state.status == "completed", state.summary
    (mail,) = shop.root.glob("outbox/*.eml")
    written = email.message_from_bytes(mail.read_bytes(), policy=email.policy.default)
    assert str(written["From"]) == "Heide Lang Texte <heide@lang.example>"
    everything = b"".join(path.read_bytes() for path in shop.root.rglob("*") if path.is_file())
    assert b"(edit me)" not in everything
    assert b"Your business" not in everything
    (post,) = shop.root.glob("site/public/posts/*.html")
    assert re.search(r'class="by"', post.read_text()) is None


async def test_the_next_invoice_asks_nothing_again_and_says_what_it_remembers(shop: Shop) -> None:
    state, _ = await answer_all(shop, await shop.run("Invoice Acme Studio 700 EUR for a talk"))
    state = await shop.approve(state)
    again = await shop.run("Invoice Acme Studio 900 EUR for a workshop")
    (card,) = again.open_cards()
    assert card.kind == "effects"
    (said,) = [reason["text"] for reason in card.data["reasons"] if "Answered before" in reason["text"]]
    assert all(slot in said for slot in ANSWERS)
    lines = [line for one in remembered(shop.platform.log) for line in one.lines]
    assert 'iban = "DE89370400440532013000"' in lines
    assert 'address = { street = "Lindenweg 7", postcode = "10115", city = "Berlin", country = "DE" }' in lines
    assert "vat_rate = 19" in lines


async def test_a_post_asks_for_nothing_about_the_business(shop: Shop) -> None:
    state = await shop.run("Write a blog post about heat pumps for older houses")
    assert [card.kind for card in state.open_cards()] == ["effects"]


async def test_a_wrong_answer_is_asked_again_with_the_reason(shop: Shop) -> None:
    state = await shop.run("Invoice Acme Studio 700 EUR for a talk")
    state = await shop.answer(state, ANSWERS["business.name"])
    state = await shop.answer(state, ANSWERS["business.address"])
    state = await shop.answer(state, ANSWERS["business.email"])
    state = await shop.answer(state, "me@lang.example")
    assert "neither a VAT id" in asked(state).title
    assert (await shop.answer(state, ANSWERS["business.vat_id"])).open_cards()[0].data["question"]["slot"] == (
        "business.iban"
    )


async def test_without_a_model_nothing_waits_for_the_night(shop: Shop) -> None:
    state = await shop.run("Write a blog post about heat pumps for older houses", by=MORNING + timedelta(days=5))
    assert [card.kind for card in state.open_cards()] == ["effects"]
    assert (state.estimate or {})["lane"] == "now"
