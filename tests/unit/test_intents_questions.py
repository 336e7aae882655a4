"""Questions about the business, English and German, and what must not be taken for one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from agentos.intents.answers import apply_answer
from agentos.intents.asking import forms
from agentos.intents.model import Understanding
from agentos.intents.periods import find_periods
from agentos.intents.queries import slots_of
from agentos.intents.questions import Asked, only_asked
from agentos.intents.rules import understand
from agentos.views.catalogue import VIEWS
from agentos.views.query import Query, faults
from agentos.workspace.model import Business, Client

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)  # a Monday
BUSINESS = Business(name="Lang", timezone="Europe/Berlin")
CLIENTS = {
    one.id: one
    for one in (
        Client(id="acme-studio", name="Acme Studio GmbH"),
        Client(id="beta-ltd", name="Beta Ltd"),
        Client(id="mueller", name="Müller Haustechnik AG", confidential=True),
    )
}


def read(text: str) -> Understanding:
    return understand(text, business=BUSINESS, clients=CLIENTS, now=NOW)


def asked(text: str) -> tuple[Any, ...]:
    """(kind, client, first day, last day), as far as the text says them."""
    found = read(text)
    if found.workflow != "answer-question":
        return (found.workflow,)
    slots = found.slots
    days = (slots["first"], slots["last"]) if "first" in slots else ()
    return (slots["question"], *([slots["client"]] if "client" in slots else []), *days)


YESTERDAY, LAST_WEEK = ("2026-11-22", "2026-11-22"), ("2026-11-16", "2026-11-22")
NOVEMBER, OCTOBER = ("2026-11-01", "2026-11-30"), ("2026-10-01", "2026-10-31")
LOOKED_BACK = ("2026-10-25", "2026-11-23")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("What does Acme owe?", ("owed", "acme-studio")),
        ("what does Acme Studio owe me", ("owed", "acme-studio")),
        ("How much does Beta Ltd still owe us?", ("owed", "beta-ltd")),
        ("What's Acme's balance?", ("owed", "acme-studio")),
        ("Has Beta Ltd paid?", ("owed", "beta-ltd")),
        ("Who owes me money?", ("owed-by-all",)),
        ("How much am I owed?", ("owed-by-all",)),
        ("Which invoices are overdue?", ("overdue",)),
        ("Can you tell me which invoices are overdue, please?", ("overdue",)),
        ("Which of Acme's invoices are overdue?", ("overdue", "acme-studio")),
        ("Is anything overdue?", ("overdue",)),
        ("Show me all overdue invoices", ("overdue",)),
        ("Which invoices are still open?", ("unpaid",)),
        ("What invoices did I send to Acme in October?", ("issued", "acme-studio", *OCTOBER)),
        ("How much did I invoice Acme in November?", ("billed", "acme-studio", *NOVEMBER)),
        ("What did yesterday cost?", ("cost", *YESTERDAY)),
        ("What were yesterday's costs?", ("cost", *YESTERDAY)),
        ("How much did I spend on models last week?", ("cost", *LAST_WEEK)),
        ("What did I earn in November?", ("revenue", *NOVEMBER)),
        ("In October, what did I earn?", ("revenue", *OCTOBER)),
        ("What was November's revenue?", ("revenue", *NOVEMBER)),
        ("How much has Beta Ltd paid since October?", ("received", "beta-ltd", "2026-10-01", "2026-11-23")),
        ("What waits for me?", ("waiting",)),
        ("What is waiting for me right now?", ("waiting",)),
        ("Why is task b2cf6e11 parked?", ("parked",)),
        ("Which tasks are parked?", ("parked-tasks",)),
        ("How many interruptions last week?", ("interruptions", *LAST_WEEK)),
        ("Which agent fails most?", ("failing-agents", *LOOKED_BACK)),
        ("What was done yesterday?", ("done", *YESTERDAY)),
        ("Which tasks failed last week?", ("failed-tasks", *LAST_WEEK)),
        ("Is anything in doubt?", ("doubt",)),
        ("What is my balance?", ("balances",)),
        ("Who is my best client this year?", ("best-clients", "2026-01-01", "2026-11-23")),
        ("What was published last week?", ("published", *LAST_WEEK)),
        ("Does the outside world agree?", ("drift",)),
        ("Was schuldet mir Acme?", ("owed", "acme-studio")),
        ("Wie viel schuldet uns die Müller Haustechnik AG noch?", ("owed", "mueller")),
        ("Wer schuldet mir noch Geld?", ("owed-by-all",)),
        ("Welche Rechnungen sind überfällig?", ("overdue",)),
        ("Welche Rechnungen von Acme sind noch offen?", ("unpaid", "acme-studio")),
        ("Welche Rechnungen habe ich im Oktober geschrieben?", ("issued", *OCTOBER)),
        ("Wie viel habe ich Acme im November in Rechnung gestellt?", ("billed", "acme-studio", *NOVEMBER)),
        ("Was hat gestern gekostet?", ("cost", *YESTERDAY)),
        ("Was haben die Modelle letzte Woche gekostet?", ("cost", *LAST_WEEK)),
        ("Was habe ich im November verdient?", ("revenue", *NOVEMBER)),
        ("Wie hoch war der Umsatz im Oktober?", ("revenue", *OCTOBER)),
        ("Was wartet auf mich?", ("waiting",)),
        ("Warum ist Aufgabe b2cf6e11 geparkt?", ("parked",)),
        ("Wie viele Unterbrechungen gab es letzte Woche?", ("interruptions", *LAST_WEEK)),
        ("Wie oft wurde ich letzte Woche unterbrochen?", ("interruptions", *LAST_WEEK)),
        ("Welcher Agent scheitert am häufigsten?", ("failing-agents", *LOOKED_BACK)),
        ("Was wurde gestern erledigt?", ("done", *YESTERDAY)),
        ("Wer ist mein bester Kunde?", ("best-clients",)),
    ],
)
def test_a_question_and_what_it_is_about(text: str, expected: tuple[Any, ...]) -> None:
    assert asked(text) == expected


@pytest.mark.parametrize(
    ("text", "workflow"),
    [
        ("Invoice Acme Studio 300 EUR for the workshop", "send-invoice"),
        ("Which invoices are overdue? Invoice Acme Studio 300 EUR for the workshop", None),
        ("Write a post about what clients owe freelancers", "publish-post"),
        ("Write a blog post: which invoices are overdue?", "publish-post"),
        ("Research what late invoices cost", "research-brief"),
        ("Find out who owes me money", "research-brief"),
        ("What do we know about heat pumps?", "research-brief"),
        ("Was wissen wir über überfällige Rechnungen?", "research-brief"),
        ("Stelle Acme 1.200 EUR netto in Rechnung bis 15.12.", "send-invoice"),
        ("Produce a post about heat pumps and invoice Acme 1,200 EUR", "produce-and-invoice"),
        # Read only in part: what is left over might change the answer.
        ("What does Acme owe for the workshop in Berlin?", None),
        ("Which invoices over 500 EUR are overdue?", None),
        ("Which invoices are overdue and who should I call first?", None),
        ("What did I earn in October and in November?", None),
        ("What do Acme and Beta Ltd owe?", None),
        ("What do I owe?", None),
        ("Remind Acme of the overdue invoice", None),
        ("Which invoices will be overdue next week?", None),
        ("Acme owes me money", None),
        ("Welche Rechnungen sind überfällig, und mahne sie bitte an", None),
        ("What does heat pump noise cost?", None),
    ],
)
def test_what_stays_another_workflow_or_none(text: str, workflow: str | None) -> None:
    assert read(text).workflow == workflow


def test_a_name_that_nobody_knows_is_asked_about_and_then_filtered_by() -> None:
    found = read("What does Gamma owe?")
    (question,) = found.questions
    assert question.slot == "client"
    assert "Gamma" in question.text
    done = apply_answer(found, "client", "Beta Ltd", business=BUSINESS, clients=CLIENTS, now=NOW)
    assert done.questions == ()
    assert {"column": "client", "op": "eq", "value": "beta-ltd"} in done.slots["query"]["where"]


def test_a_question_about_a_confidential_client_is_confidential() -> None:
    assert read("Was schuldet Müller Haustechnik?").sensitivity == "confidential"


def test_where_only_a_question_may_be_meant_nothing_else_is_done() -> None:
    text = "Invoice Acme Studio 300 EUR for the workshop"
    found = only_asked(read(text), text, business=BUSINESS, clients=CLIENTS)
    assert (found.workflow, found.slots, found.questions) == ("answer-question", {"client": "acme-studio"}, ())


@pytest.mark.parametrize("kind", sorted({kind for _, kind, _ in forms()}))
def test_every_known_question_is_one_that_the_catalogue_takes(kind: Any) -> None:
    period = find_periods("last week", now=NOW, timezone="UTC")[0]
    for client, days in ((None, None), ("acme-studio", period)):
        slots = slots_of(Asked(kind, "en", client, days, "b2cf6e11"), now=NOW, timezone="Europe/Berlin")
        assert faults(Query.model_validate(slots["query"]), VIEWS) == []


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("today", "2026-11-23", "2026-11-23"),
        ("the day before yesterday", "2026-11-21", "2026-11-21"),
        ("this week", "2026-11-23", "2026-11-23"),
        ("last month", "2026-10-01", "2026-10-31"),
        ("last quarter", "2026-07-01", "2026-09-30"),
        ("in Q1", "2026-01-01", "2026-03-31"),
        ("in Q4 2025", "2025-10-01", "2025-12-31"),
        ("in December", "2025-12-01", "2025-12-31"),
        ("in November 2025", "2025-11-01", "2025-11-30"),
        ("in 2025", "2025-01-01", "2025-12-31"),
        ("in the last 7 days", "2026-11-17", "2026-11-23"),
        ("since 1 October", "2026-10-01", "2026-11-23"),
        ("on 2026-11-05", "2026-11-05", "2026-11-05"),
        ("am 5. November", "2026-11-05", "2026-11-05"),
        ("vorgestern", "2026-11-21", "2026-11-21"),
        ("letzte Woche", "2026-11-16", "2026-11-22"),
        ("in den letzten 14 Tagen", "2026-11-10", "2026-11-23"),
        ("im letzten Monat", "2026-10-01", "2026-10-31"),
        ("seit Oktober", "2026-10-01", "2026-11-23"),
        ("dieses Jahr", "2026-01-01", "2026-11-23"),
    ],
)
def test_days_that_a_question_looks_back_at(text: str, first: str, last: str) -> None:
    (found,) = find_periods(f"What did I earn {text}?", now=NOW, timezone="Europe/Berlin")
    assert (str(found.first), str(found.last), found.text) == (first, last, text)


@pytest.mark.parametrize("text", ["tomorrow", "next week", "on 2027-01-05", "in the last 99999 days", "31 February"])
def test_what_is_no_day_to_look_back_at(text: str) -> None:
    assert [p for p in find_periods(text, now=NOW, timezone="UTC") if p.text == text] == []


def test_a_day_is_the_operators_own() -> None:
    late = datetime(2026, 11, 23, 23, 30, tzinfo=UTC)  # the 24th in Berlin
    (found,) = find_periods("yesterday", now=late, timezone="Europe/Berlin")
    assert str(found.first) == "2026-11-23"
