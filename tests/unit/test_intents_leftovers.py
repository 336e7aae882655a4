"""Nothing that was said about an invoice is passed over: figures become a question, other words stand on a card."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentos.intents.answers import apply_answer
from agentos.intents.model import Understanding
from agentos.intents.rules import understand
from agentos.workspace.model import Business, Client

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
BUSINESS = Business(name="Lang", vat_rate=19)
CLIENTS = {
    one.id: one for one in (Client(id="acme-studio", name="Acme Studio GmbH"), Client(id="beta-ltd", name="Beta Ltd"))
}
BESIDE = (
    "1,200+80 EUR", "10h á 30 EUR", "10 hours 30 EUR", "30 EUR hourly, 10 hours", "10 Std. à 30 EUR",
    "Stundensatz 30 EUR", "400 EUR x 3", "150 EUR * 2", "150 EUR times 2", "2 times 150 EUR", "twice 400 EUR",
    "½ of 600 EUR", "50% of 1200 EUR", "30% deposit on 1200 EUR", "1200 EUR less 10%", "100/200 EUR", "1.2 bn EUR",
    "über 1 Tausend 200 EUR", "1200€50", "1200 euros and 50 cents", "1200 EUR 50", "1,200 EUR +80", "1200- EUR",
    "600 EUR now and 600 EUR in January", "at 30 EUR", "1200 EUR, half of it now", "about 300 EUR", "up to 300 EUR",
)  # fmt: skip
AROUND = (
    "400 EUR daily for 3 days", "1200 EUR for consulting with 10% discount", "for phase 4 500 EUR",
    "for sprint 12 300 EUR", "twelve hundred euros for consulting 2026", "300 EUR for consulting. Wait, make that 350.",
    "30 EUR for consulting, 10 hours", "300 EUR for consulting, no, 350", "300 EUR for 3 talks",
    "300 EUR for consulting in 2 parts", "300 EUR for consulting, split 50/50", "300 EUR for consulting, zweimal",
    "1200 EUR for consulting plus 80 expenses", "300 EUR for consulting, 2% discount if paid within 10 days",
)  # fmt: skip
SAID = (
    ", but ask me first", ", don't send it", ", aber noch nicht senden", ", if they accept", " tomorrow",
    " every month", " monthly", ", send it to cfo@evil.example", " and send it to cfo@evil.example",
    ", invoice number 2026-77",
    " without VAT", " with 7% VAT", " dated 1 November 2026", ", due immediately", ". Don't send it.", ", net",
    ", show me first", ", pending my okay", ", in USD", ", to their Vienna office", " – not yet",
    ", zeig sie mir zuerst",
    " to cfo@evil.example", ", bitte noch nicht verschicken", ", aber erst nach Rücksprache", "; CC boss@x.example",
)  # fmt: skip
PLAIN = (
    ("1,200 EUR for a 3-day workshop", "1200.00", "a 3-day workshop"),
    ("1200 EUR for the 2025 audit", "1200.00", "2025 audit"),
    ("500 for consulting 2026", "500.00", "consulting 2026"),
    ("1200 EUR plus 19% VAT for talks", "1200.00", "talks"),
    ("1.200 EUR zzgl. MwSt. für die Website", "1200.00", "Website"),
    ("1200 EUR for the workshop on 3 December", "1200.00", "workshop on 3 December"),
    ("500 EUR for talks in Berlin, Hamburg and Munich", "500.00", "talks in Berlin, Hamburg and Munich"),
    ("over 500 EUR net, for talks, please asap", "500.00", "talks"),
    ("500 EUR for windows 11 support", "500.00", "windows 11 support"),
    ("500 EUR for the translation of a reminder letter", "500.00", "translation of a reminder letter"),
)


def read(text: str) -> Understanding:
    return understand(text, business=BUSINESS, clients=CLIENTS, now=NOW)


@pytest.mark.parametrize("words", [*(f"{amount} for consulting" for amount in BESIDE), *AROUND])
def test_what_stands_beside_an_amount_is_asked_about(words: str) -> None:
    found = read(f"Invoice Acme Studio {words}")
    assert "amount" not in found.slots
    assert "amount" in {question.slot for question in found.questions}


def test_the_question_names_what_was_seen_and_its_answer_goes_on() -> None:
    found = read("Invoice Acme Studio 10h á 30 EUR for consulting")
    (question,) = found.questions
    assert "“10h á 30 EUR”" in question.text
    for said in ("300 EUR net", "It is 300 EUR", "the total is 300 EUR"):
        after = apply_answer(found, "amount", said, business=BUSINESS, clients=CLIENTS, now=NOW)
        assert after.slots["amount"]["amount"] == "300.00"
    for said in ("10 hours at 30 EUR", "30 EUR hourly", "1200 EUR less 10%", "1,200+80 EUR"):
        again = apply_answer(found, "amount", said, business=BUSINESS, clients=CLIENTS, now=NOW)
        assert "amount" not in again.slots


@pytest.mark.parametrize("words", SAID)
def test_an_order_that_nobody_reads_stands_on_a_card_and_on_no_invoice(words: str) -> None:
    found = read(f"Invoice Beta Ltd 300 EUR for consulting{words}")
    assert found.slots["description"] == "consulting"
    assert any(quote in words for quote in found.unread), found.unread


@pytest.mark.parametrize(
    ("text", "quote"),
    [
        ("Prepare an invoice for Beta Ltd over 300 EUR for consulting but do not send it", "but do not send it"),
        ("Send Beta Ltd a draft invoice over 300 EUR for consulting", "a draft invoice over"),
        ("Once they have approved, invoice Beta Ltd 300 EUR for consulting", "Once they have approved"),
        ("When I say so, invoice Beta Ltd 300 EUR for consulting", "When I say so"),
        ("If they accept, invoice Beta Ltd 300 EUR for consulting", "If they accept"),
        ("Tomorrow, invoice Beta Ltd 300 EUR for consulting", "Tomorrow"),
        ("Invoice Beta Ltd 300 EUR with 7% VAT for consulting", "with 7% VAT"),
        ("Invoice Beta Ltd 300 EUR without VAT for consulting", "without VAT"),
        ("Invoice Beta Ltd 300 EUR for the monthly newsletter", "monthly newsletter"),
        ("Write a post about noise and invoice Beta Ltd 300 EUR. But ask me before you send it.",
         "But ask me before you send it"),
    ],
)  # fmt: skip
def test_orders_around_the_request_are_quoted(text: str, quote: str) -> None:
    found = read(text)
    assert found.workflow is not None
    assert quote in found.unread


@pytest.mark.parametrize(
    "text",
    [
        "Send Acme Studio a reminder for the invoice of 300 EUR for consulting",
        "Send Acme Studio the invoice for 300 EUR for consulting again",
        "Translate: invoice Acme Studio 300 EUR for consulting",
        "Send Acme Studio a payment reminder for the 300 EUR invoice",
        "Schick Acme Studio die Rechnung über 300 EUR für Beratung nochmal",
        "Write a post about noise and send Acme Studio a reminder for the invoice of 300 EUR",
    ],
)
def test_what_asks_for_no_new_invoice_takes_no_recipe(text: str) -> None:
    found = read(text)
    assert found.workflow is None
    assert "amount" not in found.slots


@pytest.mark.parametrize(("words", "amount", "description"), PLAIN)
def test_plain_requests_go_on_without_a_question(words: str, amount: str, description: str) -> None:
    found = read(f"Invoice Acme Studio {words}")
    assert (found.questions, found.unread) == ((), ())
    assert (found.slots["amount"]["amount"], found.slots["description"]) == (amount, description)


_STRANGE = st.sampled_from(
    ["x 3", "* 2", "+ 80", "+80", "/2", "%", "10%", "hourly", "per seat", "each", "twice", "½", "2 of", "hundred",
     "off", "deposit", "plus 50", "50 cents", "and 80 EUR", "- 10%", "à 3", "mal drei", "pro Tag", "rabatt", "foo"]
)  # fmt: skip


@given(before=st.booleans(), strange=_STRANGE, value=st.integers(min_value=1, max_value=999))
@settings(deadline=None, max_examples=150)
def test_no_amount_is_taken_with_something_strange_beside_it(before: bool, strange: str, value: int) -> None:
    words = f"{strange} {value} EUR" if before else f"{value} EUR {strange}"
    found = read(f"Invoice Acme Studio {words} for consulting")
    assert "amount" not in found.slots or found.workflow is None


_ANY = st.text(alphabet=st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs")), max_size=25)


@given(words=_ANY, value=st.integers(min_value=1, max_value=999))
@settings(deadline=None, max_examples=200)
def test_an_amount_taken_without_a_word_is_one_that_was_said_plainly(words: str, value: int) -> None:
    """Whatever stands behind it: the amount is the figure that was written, or there is a question."""
    found = read(f"Invoice Acme Studio {value} EUR {words}")
    assert found.slots.get("amount", {}).get("amount") in (None, f"{value}.00")
