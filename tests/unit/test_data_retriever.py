"""The data-retriever: answers by rules, by a model's query that the catalogue takes, or says that it does not know."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agentos.events.record import Record
from agentos.secrets.keyring import KeyRing
from agentos.secrets.sealing import Sealer
from agentos.tasks.rows import clients_of, opened_rows, sealed_rows
from agents.data_retriever import MOST_TRIES, Request, manifest, run
from agents.text.answers import told
from agents.text.phrases import PHRASES
from desk.results import output_of
from graphs.replay import replay
from tests.fakes.business import Shop
from tests.fakes.kit import FakeKit

VIEWS = [{"name": "invoices", "description": "Each invoice.", "columns": ["open (amount): what is to be paid"]}]
QUERY = {"view": "invoices", "where": [{"column": "status", "op": "eq", "value": "overdue"}]}
ROW = {"invoice": "2026-0001", "client": "acme", "open": "357", "currency": "EUR", "status": "overdue",
       "due_on": "2026-11-01", "late_days": 22, "seqs": [4, 9]}  # fmt: skip


def answers(**given: Any) -> dict[str, Any]:
    as_of = {"epoch": "", "seq": 12, "hash": "ab"}
    return {"refused": [], "view": "invoices", "key": ["invoice"], "rows": [], "total": 0, "as_of": as_of} | given


def kit(said: list[Any], *queries: Any, tier: Any = "small") -> FakeKit:
    left = list(queries)
    capabilities = {"views.catalogue": VIEWS, "views.query": lambda query: left.pop(0)}
    return FakeKit(manifest, capabilities=capabilities, answers_of_model=said, tier=tier)


async def test_a_typed_question_needs_no_model() -> None:
    request = Request(question="Which invoices are overdue?", kind="overdue", query=QUERY)
    result = await run(request, kit([], answers(rows=[ROW], total=1)))
    assert (result.kind, result.guessed, result.confidence) == ("overdue", False, 1.0)
    assert result.rows == [ROW]
    assert result.as_of["seq"] == 12


async def test_without_a_model_an_unknown_question_is_not_known() -> None:
    result = await run(Request(question="What is the meaning of life?"), kit([], tier="offline"))
    assert (result.query, result.rows, result.confidence) == (None, [], 0.0)
    said = told(result.model_dump(mode="json"))
    assert said.sentence.startswith("I don't know.")
    assert "What does Acme owe?" in said.notes


async def test_a_model_says_the_query_and_never_sees_a_row() -> None:
    asked = kit([{"query": QUERY}], answers(rows=[ROW], total=1))
    result = await run(Request(question="Anything late?"), asked)
    assert result.guessed
    assert result.rows == [ROW]
    (prompt,) = (prompt for _, _, prompt in asked.asked)
    assert "Anything late?" in prompt
    assert "357" not in prompt
    assert "A model chose the query" in told(result.model_dump(mode="json")).markdown


async def test_a_query_that_is_refused_goes_back_to_the_model_with_the_reasons() -> None:
    refused = answers(refused=["The view invoices has no column 'late'."])
    asked = kit([{"query": QUERY}, {"wrong": 1, "query": 3}, {"query": QUERY}], refused, answers(rows=[ROW], total=1))
    result = await run(Request(question="Anything late?"), asked)
    assert result.rows == [ROW]
    assert "no column 'late'" in asked.asked[1][2]


async def test_after_some_tries_it_does_not_know() -> None:
    refused = answers(refused=["No."])
    result = await run(Request(question="?"), kit([{"query": QUERY}] * MOST_TRIES, *[refused] * MOST_TRIES))
    assert result.query is None
    assert (await run(Request(question="?"), kit([{"query": None}]))).query is None


# -- in words


def output(kind: str, *rows: dict[str, Any], **more: Any) -> dict[str, Any]:
    about = {"client": None, "first": None, "last": None, "task": None, "language": "en", "guessed": False}
    found = {"kind": kind, "query": QUERY, "rows": list(rows), "total": len(rows), "key": ["invoice"]}
    return {**about, **found, "as_of": {"seq": 12}, **more}


def test_amounts_of_two_currencies_are_never_added_up() -> None:
    other = {**ROW, "invoice": "2026-0002", "currency": "USD", "open": "1200.5"}
    assert told(output("overdue", ROW, other)).sentence == "2 invoices are overdue: 357.00 EUR and 1,200.50 USD."
    german = told(output("overdue", ROW, other, language="de"))
    assert german.sentence == "2 Rechnungen sind überfällig: 357,00 EUR und 1.200,50 USD."


def test_an_answer_names_its_sources_and_its_client() -> None:
    said = told(output("owed", ROW, client="acme"), {"acme": "Acme Studio GmbH"})
    assert said.sentence == (
        "Acme Studio GmbH owes 357.00 EUR, on one invoice. 357.00 EUR of it is overdue, the oldest by 22 days."
    )
    assert said.sources == ["agentos why invoices 2026-0001"]
    assert "From 2 events, by the view invoices as of event 12." in said.notes


def test_a_long_answer_is_cut_and_says_so() -> None:
    rows = [{**ROW, "invoice": str(number)} for number in range(20)]
    said = told(output("overdue", *rows, total=90))
    assert said.sentence.endswith("(The first 20 of 90.)")
    assert len(said.table) == 12
    assert "8 more rows: --json shows them all." in said.notes


def test_the_row_of_a_forgotten_client_is_counted_and_not_shown() -> None:
    said = told(output("overdue", ROW, {"client": "beta", "$forgotten": True}))
    assert said.sentence == "One invoice is overdue: 357.00 EUR."
    assert "One row belongs to a client who was forgotten." in said.notes
    assert "beta" not in said.markdown


def test_both_languages_say_the_same_things() -> None:
    english, german = (
        {key for key in PHRASES[language] if not key.endswith(".one") and not key.startswith("column.")}
        for language in ("en", "de")
    )
    assert english == german


# -- as it is recorded


def test_rows_are_sealed_for_the_client_each_is_about(tmp_path: Path) -> None:
    sealer = Sealer(KeyRing(tmp_path))
    value = {"rows": [ROW, {**ROW, "client": "beta"}, {"count": 3}], "total": 3}
    sealed = sealed_rows(value, sealer, None)
    assert "357" not in str(sealed)
    assert sealed["rows"][2] == {"count": 3}
    assert sealed_rows(value, sealer, None) == sealed  # the same rows seal to the same bytes
    assert opened_rows(sealed, sealer) == value
    assert clients_of(value) == {"acme", "beta"}
    own = sealed_rows(value, sealer, "acme")  # the event itself is sealed with this one's key
    assert own["rows"][0] == ROW
    sealer.keys.destroy("beta")
    opened = opened_rows(sealed, Sealer(KeyRing(tmp_path)))
    assert opened["rows"] == [ROW, {"client": "beta", "$forgotten": True}, {"count": 3}]
    assert sealed_rows(opened, sealer, None)["rows"][1] == {"$for": "beta", "$forgotten": True}


async def business(tmp_path: Path) -> Shop:
    shop = Shop(tmp_path / "w")
    for text in ("Invoice Acme Studio 300 EUR for the workshop", "Invoice Beta Ltd 700 EUR for the talk"):
        state = await shop.run(text)
        state = state if state.closed else await shop.approve(state)
        assert state.status == "completed"
    return shop


def of(shop: Shop, task: str, type: str) -> Record:
    (record,) = (one for one in shop.platform.log.read(stream=f"task/{task}") if one.type == type)
    return record


async def test_an_answer_over_clients_stands_in_the_log_sealed_row_by_row_and_replays(tmp_path: Path) -> None:
    shop = await business(tmp_path)
    state = await shop.advance(shop.desk.submit("Who owes me money?", trigger="ask"))
    assert (state.status, state.subject) == ("completed", None)
    for type in ("tool.called", "step.completed"):
        record = of(shop, state.id, type)
        assert record.subject is None
        assert b'"357"' not in record.stored
        assert b'"700"' not in record.stored
    assert state.step("answer").labels["holds"] == ["acme-studio", "beta-ltd"]
    said = told(output_of(shop.platform.store, state, "answer") or {})
    assert said.sentence == "You are owed 1,057.00 EUR, by 2 clients."
    assert (await replay(shop.platform, state.id)).differences == []


async def test_a_replay_answers_from_the_record(tmp_path: Path) -> None:
    shop = await business(tmp_path)
    state = await shop.advance(shop.desk.submit("Which invoices are overdue?", trigger="ask"))
    await shop.run("Invoice Acme Studio 90 EUR for a call")
    report = await replay(shop.platform, state.id)
    assert report.same, report.first_difference
    assert [step.step for step in report.steps] == ["answer"]


async def test_the_task_of_a_client_sees_that_clients_rows_alone(tmp_path: Path) -> None:
    from agentos.capabilities.views import ask

    shop = await business(tmp_path)
    query = {"view": "invoices", "columns": ["client"]}
    now = shop.clock.now()
    every = ask(shop.platform.store, query, client=None, now=now)
    assert "acme-studio" in clients_of(every)
    own = ask(shop.platform.store, query, client="beta-ltd", now=now)
    assert "acme-studio" not in clients_of(own)
    total = {
        "view": "invoices", "group": ["currency"], "figures": [{"of": "sum", "column": "open"}],
        "where": [{"column": "client", "op": "eq", "value": "acme-studio"}],
    }  # fmt: skip
    assert clients_of(ask(shop.platform.store, total, client=None, now=now)) == {"acme-studio"}
    assert ask(shop.platform.store, {"view": "nothing"}, client=None, now=now)["refused"]


@pytest.mark.parametrize("text", ["Invoice Acme Studio 300 EUR for the workshop", "What is the meaning of life?"])
async def test_who_only_asks_gets_nothing_done(tmp_path: Path, text: str) -> None:
    shop = Shop(tmp_path / "w")
    shop.open()
    state = await shop.advance(shop.desk.submit(text, trigger="ask"))
    assert (state.status, state.effects, state.cards) == ("completed", {}, {})
    assert shop.outside() == []
