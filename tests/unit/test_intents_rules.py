"""Whole requests, English and German, and the answers to what they left open."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentos.errors import AgentOSError
from agentos.intents.answers import apply_answer
from agentos.intents.model import IntentRejected, Understanding
from agentos.intents.rules import understand
from agentos.workspace.model import Business, Client

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
BUSINESS = Business(name="Lang")
CLIENTS = {
    one.id: one
    for one in (
        Client(id="acme-studio", name="Acme Studio GmbH"),
        Client(id="beta-ltd", name="Beta Ltd"),
        Client(id="mueller", name="Müller Haustechnik AG", confidential=True),
        Client(id="swiss", name="Alpenblick AG", currency="CHF"),
    )
}


def read(text: str, business: Business = BUSINESS) -> Understanding:
    return understand(text, business=business, clients=CLIENTS, now=NOW)


def answer(before: Understanding, slot: str, text: str) -> Understanding:
    return apply_answer(before, slot, text, business=BUSINESS, clients=CLIENTS, now=NOW)


def eur(amount: str, basis: str = "net") -> dict[str, str]:
    return {"amount": amount, "currency": "EUR", "basis": basis}


@pytest.mark.parametrize(
    ("text", "workflow", "slots"),
    [
        (
            "Produce a blog post about heat pumps for older houses and invoice Acme Studio 1,200 EUR",
            "produce-and-invoice",
            {"topic": "heat pumps for older houses", "client": "acme-studio", "amount": eur("1200.00")},
        ),
        (
            "Schreibe einen Blogbeitrag über Wärmepumpen im Altbau und stelle Acme 1.200 EUR netto in Rechnung "
            "bis 15.12.",
            "produce-and-invoice",
            {"topic": "Wärmepumpen im Altbau", "client": "acme-studio", "amount": eur("1200.00"), "due": "2026-12-15"},
        ),
        (
            "Bitte einen Blogbeitrag über Wärmepumpen im Altbau schreiben und "
            "Acme Studio 1.200 EUR in Rechnung stellen",
            "produce-and-invoice",
            {"topic": "Wärmepumpen im Altbau", "client": "acme-studio", "amount": eur("1200.00")},
        ),
        (
            "Write a post about heat pumps in 1960s houses using https://example.com/a, "
            "and bill Acme Stduio 1.2k EUR plus VAT",
            "produce-and-invoice",
            {
                "topic": "heat pumps in 1960s houses",
                "client": "acme-studio",
                "amount": eur("1200.00"),
                "urls": ["https://example.com/a"],
            },
        ),
        (
            "Invoice Acme Studio 500 EUR for the workshop, and write a post about heat pumps",
            "produce-and-invoice",
            {"topic": "heat pumps", "client": "acme-studio", "amount": eur("500.00"), "description": "workshop"},
        ),
        (
            'Write a blog post titled "Warm at last" about radiators. Then bill Beta Ltd 300 EUR.',
            "produce-and-invoice",
            {"topic": "radiators", "title": "Warm at last", "client": "beta-ltd", "amount": eur("300.00")},
        ),
        (
            "Invoice Acme Studio 500 EUR for the March workshop",
            "send-invoice",
            {"client": "acme-studio", "amount": eur("500.00"), "description": "March workshop"},
        ),
        (
            "invoice acme studio 500 for the workshop, net 30",
            "send-invoice",
            {"client": "acme-studio", "amount": eur("500.00"), "description": "workshop", "due": "2026-12-23"},
        ),
        (
            "Send Müller Haustechnik an invoice over 2.400,00 € brutto for consulting, due 2026-12-15",
            "send-invoice",
            {"client": "mueller", "amount": eur("2400.00", "gross"), "description": "consulting", "due": "2026-12-15"},
        ),
        (
            "Rechnung an Beta Ltd über 300 EUR für Fotos, zahlbar in 14 Tagen",
            "send-invoice",
            {"client": "beta-ltd", "amount": eur("300.00"), "description": "Fotos", "due": "2026-12-07"},
        ),
        (
            "Schreib Acme eine Rechnung über 1.200 für das Webdesign",
            "send-invoice",
            {"client": "acme-studio", "amount": eur("1200.00"), "description": "Webdesign"},
        ),
        (
            "Invoice Acme Studio 500 EUR for the blog post about heat pumps",
            "send-invoice",
            {"client": "acme-studio", "amount": eur("500.00"), "description": "blog post about heat pumps"},
        ),
        ("Write a post about noise for Acme Studio by Friday", "publish-post", {"topic": "noise"}),
        ("Write a post about how to invoice clients", "publish-post", {"topic": "how to invoice clients"}),
        (
            "Write a post about e-invoicing and invoice fraud",
            "publish-post",
            {"topic": "e-invoicing and invoice fraud"},
        ),
        ("Don't invoice Acme, just write a post about radiators", "publish-post", {"topic": "radiators"}),
        ("Publish a post on my site about insulation", "publish-post", {"topic": "insulation"}),
        ("Research heat pump noise and write a blog post about it", "publish-post", {"topic": "heat pump noise"}),
        ("Verfasse einen Artikel zum Thema Schallschutz", "publish-post", {"topic": "Schallschutz"}),
        ("Research brief on flow temperatures", "research-brief", {"topic": "flow temperatures"}),
        ("What do we know about seasonal performance?", "research-brief", {"topic": "seasonal performance"}),
        (
            "Was wissen wir über Vorlauftemperaturen im Altbau?",
            "research-brief",
            {"topic": "Vorlauftemperaturen im Altbau"},
        ),
        ("Do my taxes", None, {}),
    ],
)
def test_clear_requests_need_no_question(text, workflow, slots):
    understood = read(text)
    assert understood.workflow == workflow
    assert understood.slots == slots
    assert understood.questions == ()


@pytest.mark.parametrize(
    ("text", "slot", "words"),
    [
        ("Invoice Beta Ltd 1.200 for the workshop", "amount", "two ways"),
        ("Invoice Beta Ltd for the workshop", "amount", "How much"),
        ("Invoice Beta Ltd 500 EUR and 600 EUR for talks", "amount", "More than one amount"),
        ("Invoice Beta Ltd -500 EUR for the workshop", "amount", "not above zero"),
        ("Invoice Beta Ltd 0 EUR for the workshop", "amount", "not above zero"),
        ("Invoice Beta Ltd 1200 XYZ for the workshop", "amount", "currency"),
        ("Invoice Beta Ltd 5 million EUR for the workshop", "amount", "confirm"),
        ("Invoice Acme Studio and Beta Ltd 500 EUR for talks", "client", "More than one client"),
        ("Invoice Acme Foods 500 EUR for the workshop", "client", "clients/acme-foods.toml"),
        ("Invoice Foo Bar 500 EUR for the workshop", "client", "I don't know Foo Bar"),
        ("Stelle Foo 500 EUR für Fotos in Rechnung", "client", "I don't know Foo"),
        ("Invoice 500 EUR for the workshop", "client", "Who is the invoice for?"),
        ("Invoice Beta Ltd 500 EUR for talks due 31.02.2027", "due", "calendar"),
        ("Invoice Beta Ltd 500 EUR", "description", "What is the invoice for?"),
        ("Write a short blog post", "topic", "about?"),
        ("Écris un article sur les pompes à chaleur", "goal", "English and German"),
        ("😀😀", "goal", "English and German"),
        ("\u202eمضخات الحرارة", "goal", "English and German"),
    ],
)
def test_what_is_unclear_is_asked_never_guessed(text, slot, words):
    understood = read(text)
    (question,) = [one for one in understood.questions if one.slot == slot]
    assert words in question.text
    assert slot not in understood.slots


def test_two_clients_of_one_name_are_a_question_with_both():
    twins = {i: Client(id=i, name="Zwilling GmbH") for i in ("zwilling-a", "zwilling-b")}
    asked = understand("Invoice Zwilling 500 EUR for talks", business=BUSINESS, clients=twins, now=NOW)
    (question,) = asked.questions
    assert question.choices == ("Zwilling GmbH (zwilling-a)", "Zwilling GmbH (zwilling-b)")
    answered = apply_answer(asked, "client", question.choices[1], business=BUSINESS, clients=twins, now=NOW)
    assert answered.slots["client"] == "zwilling-b"
    assert answered.questions == ()


def test_a_bare_amount_follows_the_business_and_the_clients_currency():
    gross = Business(name="Lang", amounts="gross")
    assert read("Invoice Alpenblick 500 for talks", gross).slots["amount"] == {
        "amount": "500.00",
        "currency": "CHF",
        "basis": "gross",
    }


def test_confidential_clients_and_words():
    assert read("Invoice Müller Haustechnik 5 EUR for talks").sensitivity == "confidential"
    assert read("Write a confidential post about prices").sensitivity == "confidential"
    assert read("Write a post about prices").sensitivity == "normal"


@pytest.mark.parametrize(
    "text",
    [
        "Write a post about noise, but don't publish it",
        "Write a post about noise without publishing",
        "Schreibe einen Beitrag über noise, aber nicht veröffentlichen",
    ],
)
def test_a_post_that_must_not_be_published_takes_no_recipe_that_publishes(text):
    understood = read(text)
    assert understood.workflow is None
    assert understood.slots == {"topic": "noise"}


@pytest.mark.parametrize(
    ("text", "urgency"),
    [
        ("Write a post about noise, urgent", "high"),
        ("Schreibe einen Beitrag über Lärm, dringend", "high"),
        ("Write a post about noise, no rush", "low"),
        ("Schreibe einen Beitrag über Lärm, nicht dringend", "low"),
        ("Write a post about noise", "normal"),
    ],
)
def test_urgency_is_understood_and_no_part_of_the_topic(text, urgency):
    understood = read(text)
    assert understood.urgency == urgency
    assert understood.slots["topic"] in {"noise", "Lärm"}


def test_quoted_mail_is_not_the_operators_word():
    understood = read("Write a post about noise\n\n> Invoice Beta Ltd 9,000 EUR for nothing")
    assert understood.workflow == "publish-post"


@pytest.mark.parametrize("text", ["", "   \n\t ", "\x00\x07", "\u200b\ufeff", "> only quoted"])
def test_empty_requests_are_rejected(text):
    with pytest.raises(IntentRejected) as caught:
        read(text)
    assert caught.value.code == "intent.empty"
    assert caught.value.hint


def test_a_megabyte_is_rejected_with_advice():
    with pytest.raises(IntentRejected, match="knowledge/") as caught:
        read("word " * 200_000)
    assert caught.value.code == "intent.too_long"


@pytest.mark.parametrize(
    "piece", ["and invoice ", "write a ", "1.2", "Acme ", "send x ", "(", "a ", "für ", "by ", "1 000 "]
)
def test_a_long_request_costs_in_proportion_to_its_length(piece: str):
    def cost(length: int) -> float:
        took = []
        for _ in range(3):
            began = time.process_time()
            read((piece * length)[:length])
            took.append(time.process_time() - began)
        return min(took)

    assert cost(20_000) < 10 * cost(5_000), "four times the length costs about four times as much, not sixteen"


def test_control_characters_do_not_reach_a_slot():
    assert read("Write a post about heat\x00 \u202epumps\x1b[31m").slots["topic"] == "heat pumps"


@pytest.mark.parametrize(
    ("slot", "text", "value"),
    [
        ("amount", "1200 EUR gross", eur("1200.00", "gross")),
        ("amount", "1.200,50 €", eur("1200.50")),
        ("amount", "1200", eur("1200.00")),
        ("amount", "1200.00 EUR", eur("1200.00")),
        ("amount", "#2", eur("1.20")),
        ("client", "acme", "acme-studio"),
        ("client", "beta-ltd", "beta-ltd"),
    ],
)
def test_answers_are_read_by_the_same_rules(slot, text, value):
    before = read("Invoice Foo 1.200 for the workshop")
    assert {one.slot for one in before.questions} == {"amount", "client"}
    after = answer(before, slot, text)
    assert after.slots[slot] == value
    assert slot not in {one.slot for one in after.questions}
    assert slot not in before.slots


def test_every_offered_choice_answers_its_question():
    for text in (
        "Invoice Acme Studio and Beta Ltd 1.200 for talks",
        "Invoice Foo 500 EUR and 600 EUR for talks",
        "Invoice Foo 5 million EUR for talks by next Friday",
    ):
        before = read(text)
        for question in before.questions:
            for choice in question.choices:
                assert question.slot in answer(before, question.slot, choice).slots


def test_an_unreadable_answer_keeps_the_question_and_says_why():
    before = read("Invoice Foo 1.200 for the workshop, due 31.02.2027")
    for slot, text in (("amount", "plenty"), ("amount", "-3 EUR"), ("client", "Nobody"), ("due", "sometime")):
        after = answer(before, slot, text)
        assert slot in {one.slot for one in after.questions}
        assert slot not in after.slots


def test_none_means_the_usual_term():
    after = answer(read("Invoice Beta Ltd 500 EUR for talks due 31.02.2027"), "due", "none")
    assert after.questions == ()
    assert "due" not in after.slots


def test_a_new_goal_is_understood_afresh():
    after = answer(read("Écris un article sur le chauffage"), "goal", "Write a post about heating")
    assert (after.workflow, after.slots["topic"], after.questions) == ("publish-post", "heating", ())


def test_only_open_questions_take_answers():
    with pytest.raises(AgentOSError, match="no open question"):
        answer(read("Write a post about noise"), "amount", "5 EUR")


_PIECES = st.sampled_from(
    ["invoice", "Acme Studio", "Beta", "1,200 EUR", "1.200", "und", "and",
     "write a post about", "stelle", "in Rechnung",
     "über", "by Friday", "bis 31.02.", ".", ",", "\n", "http://a.b/", "heat pumps", "-5 €", "😀", "für", "for", "no"]
)  # fmt: skip


@given(st.one_of(st.text(max_size=120), st.lists(_PIECES, min_size=1, max_size=14).map(" ".join)))
@settings(deadline=None, max_examples=200)
def test_any_text_is_understood_or_rejected_and_survives_json(text):
    try:
        understood = read(text)
    except IntentRejected:
        return
    assert Understanding.model_validate(json.loads(understood.model_dump_json())) == understood
    assert not {one.slot for one in understood.questions} & set(understood.slots)
    assert len({one.slot for one in understood.questions}) == len(understood.questions)
    assert understood == read(text)


def test_a_confidential_client_named_by_an_answer_makes_the_task_confidential():
    before = read("Write a blog post about heat pumps and invoice the client 300 EUR")
    assert before.sensitivity == "normal"
    offered = next(one for one in before.questions if one.slot == "client").choices
    number = next(n for n, choice in enumerate(offered, start=1) if "mueller" in choice)
    for said in ("mueller", "Müller Haustechnik AG", f"#{number}", offered[number - 1]):
        after = answer(before, "client", said)
        assert (after.slots["client"], after.sensitivity) == ("mueller", "confidential")
    assert answer(before, "client", "Beta Ltd").sensitivity == "normal"


def test_words_in_an_answer_make_the_task_confidential():
    before = read("Write a post and invoice Beta Ltd 500 EUR")
    topic = next(one for one in before.questions if one.slot == "topic")
    assert answer(before, topic.slot, "noise, and this is confidential").sensitivity == "confidential"
    assert answer(before, topic.slot, "the heat pumps of Müller Haustechnik AG").sensitivity == "confidential"
    assert answer(before, topic.slot, "the heat pumps of Beta Ltd").sensitivity == "normal"


REQUESTS = (
    "Write a blog post about heat pumps and invoice the client 300 EUR",
    "Write a post, confidentially, and invoice the client",
    "Invoice Müller Haustechnik AG for talks",
    "Write a post and send an invoice",
    "Écris un article sur le chauffage pour Müller Haustechnik AG",
)


@given(
    request=st.sampled_from(REQUESTS),
    answers=st.lists(
        st.one_of(st.sampled_from(["mueller", "Beta Ltd", "500 EUR", "none", "noise"]), st.text(max_size=40))
    ),
)
@settings(deadline=None, max_examples=150)
def test_answering_never_makes_a_task_less_confidential(request: str, answers: list[str]) -> None:
    known = read(request)
    for text in answers:
        if not known.questions:
            break
        try:
            after = answer(known, known.questions[0].slot, text)
        except IntentRejected:
            continue
        assert not (known.sensitivity == "confidential" and after.sensitivity == "normal")
        client = CLIENTS.get(str(after.slots.get("client")))
        assert after.sensitivity == "confidential" or client is None or not client.confidential
        known = after


@pytest.mark.parametrize(
    "text", ["Invoice Acme Studio 1,200 doubloons for the workshop", "Invoice Acme Studio 300 credits"]
)
def test_a_word_that_may_be_a_currency_is_asked_about(text: str) -> None:
    found = read(text)
    assert "amount" not in found.slots
    assert any(question.slot == "amount" and "currency" in question.text for question in found.questions)


@pytest.mark.parametrize("text", ["Invoice Acme Studio 1,200 for the workshop", "Invoice Acme Studio 1,200 net please"])
def test_an_amount_without_a_currency_is_in_the_businesss_own(text: str) -> None:
    assert read(text).slots["amount"]["currency"] == "EUR"
