"""The small readers: amounts, dates, clients, language, addresses."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentos.intents.amounts import find_amounts
from agentos.intents.clients import find_clients, fold, read_client
from agentos.intents.dates import find_dates, read_due
from agentos.intents.language import detect
from agentos.intents.urls import find_urls
from agentos.workspace.model import Client

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)  # a Monday
CLIENTS = {
    one.id: one
    for one in (
        Client(id="acme-studio", name="Acme Studio GmbH"),
        Client(id="beta-ltd", name="Beta Ltd", aliases=("Bee",)),
        Client(id="mueller", name="Müller Haustechnik AG"),
        Client(id="nord-gmbh", name="Nordlicht GmbH"),
        Client(id="nord-ltd", name="Nordlicht Ltd"),
        Client(id="twin-one", name="Gemini Sarl"),
        Client(id="twin-two", name="Gemini S.A.R.L."),
    )
}


def amounts(text: str, language: str = "en", home: str = "EUR"):
    return find_amounts(text, language=language, home=home, bare_from=0)


@pytest.mark.parametrize(
    ("text", "language", "value", "currency", "basis"),
    [
        ("1,200 EUR", "en", "1200", "EUR", None),
        ("1.200,00 €", "de", "1200", "EUR", None),
        ("€1200", "en", "1200", "EUR", None),
        ("1 200 EUR", "en", "1200", "EUR", None),
        ("1\u202f200,50\u00a0€", "de", "1200.50", "EUR", None),
        ("1'200 CHF", "en", "1200", "CHF", None),
        ("CHF 1’200.–", "de", "1200", "CHF", None),
        ("1.2k EUR", "en", "1200", "EUR", None),
        ("1,2 Tsd. EUR", "de", "1200", "EUR", None),
        ("1.200 EUR", "en", "1200", "EUR", None),
        ("1.200", "de", "1200", None, None),
        ("1,200", "en", "1200", None, None),
        ("1.200,- € brutto", "de", "1200", "EUR", "gross"),
        ("1200 euros net", "en", "1200", "EUR", "net"),
        ("1200 EUR plus VAT", "en", "1200", "EUR", "net"),
        ("1200 EUR zzgl. 19 % MwSt.", "de", "1200", "EUR", "net"),
        ("1200 EUR inkl. MwSt", "de", "1200", "EUR", "gross"),
        ("net 1200 EUR", "en", "1200", "EUR", "net"),
        ("EUR 1,234,567.89", "en", "1234567.89", "EUR", None),
        ("£99.50", "en", "99.50", "GBP", None),
        ("$500", "en", "500", "USD", None),
        ("١٢٠٠ EUR", "en", "1200", "EUR", None),
        ("１２００ €", "en", "1200", "EUR", None),
        ("500 eur", "en", "500", "EUR", None),
        ("1500 JPY", "en", "1500", "JPY", None),
    ],
)
def test_amounts_are_read_in_both_notations(text, language, value, currency, basis):
    (found,) = amounts(text, language)
    assert found.values == (Decimal(value),)
    assert (found.currency, found.basis) == (currency, basis)
    if Decimal(value) <= 1_000_000:
        assert found.problem == ""


@pytest.mark.parametrize(
    ("text", "language", "word"),
    [
        ("1.200", "en", "two ways"),
        ("1,200", "de", "two ways"),
        ("1.200", "unknown", "two ways"),
        ("1.200 KWD", "en", "two ways"),
        ("-500 EUR", "en", "above zero"),
        ("minus 500 EUR", "en", "above zero"),
        ("0 EUR", "en", "above zero"),
        ("0,00 €", "de", "above zero"),
        ("9999999999999 EUR", "en", "larger than any"),
        ("2 million EUR", "en", "unusually large"),
        ("1200 XYZ", "en", "currency I don't know"),
        ("500 kr", "en", "currency I don't know"),
        ("1.2345 EUR", "en", "not a number"),
        ("1,23,45 EUR", "en", "not a number"),
        ("1.50 JPY", "en", "decimal places"),
        ("80 EUR per hour", "en", "per unit"),
        ("80 €/Stunde", "de", "per unit"),
        ("10 hours at 80 EUR", "en", "per unit"),
        ("1,000-1,200 EUR", "en", "range"),
        ("1200 EUR net, gross", "en", ""),
    ],
)
def test_what_is_not_certain_is_a_problem_not_a_number(text, language, word):
    (found,) = amounts(text, language)
    assert word in found.problem
    assert bool(found.problem) is bool(word)


@pytest.mark.parametrize(
    "text",
    [
        "in 14 days",
        "500 words",
        "19 %",
        "21 °C",
        "No. 12",
        "the 1990s",
        "in 2026",
        "B2B",
        "0.5.3-beta",
        "v1.2",
        "5 kWh",
    ],
)
def test_other_numbers_are_not_money(text):
    assert amounts(text) == ()


@given(st.decimals(min_value="0.01", max_value="999999.99", places=2), st.sampled_from(["en", "de"]))
@settings(deadline=None, max_examples=150)
def test_an_amount_written_in_either_notation_reads_back(value, language):
    written = f"{value:,.2f}"
    if language == "de":
        written = written.translate(str.maketrans(",.", ".,"))
    for text in (f"{written} EUR", f"EUR {written}", f"€{written}", f"costs {written} € net today"):
        (found,) = find_amounts(text, language=language, home="EUR")
        assert (found.values, found.currency, found.problem) == ((value,), "EUR", "")


@given(st.text(max_size=80))
@settings(deadline=None, max_examples=150)
def test_readers_never_raise(text):
    for language in ("en", "de"):
        find_amounts(text, language=language, home="EUR", bare_from=0)
    find_dates(text, now=NOW, timezone="Europe/Berlin")
    find_clients(text, CLIENTS)
    find_urls(text)
    detect(text)


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("by Friday", "2026-11-27"),
        ("bis Freitag", "2026-11-27"),
        ("bis zum 15.12.", "2026-12-15"),
        ("bis 15.12.2026", "2026-12-15"),
        ("bis 1.2.", "2027-02-01"),
        ("due 2026-12-15", "2026-12-15"),
        ("due on December 15", "2026-12-15"),
        ("by 15th of December 2026", "2026-12-15"),
        ("fällig am 3. Januar", "2027-01-03"),
        ("by 15/12/2026", "2026-12-15"),
        ("in 14 Tagen", "2026-12-07"),
        ("zahlbar innerhalb von 30 Tagen", "2026-12-23"),
        ("within two weeks", "2026-12-07"),
        ("net 30", "2026-12-23"),
        ("30 Tage netto", "2026-12-23"),
        ("in 3 months", "2027-02-23"),
        ("by tomorrow", "2026-11-24"),
        ("bis übermorgen", "2026-11-25"),
        ("bis Ende Februar", "2027-02-28"),
        ("by the end of the month", "2026-11-30"),
        ("by 29 February", "2028-02-29"),
    ],
)
def test_due_dates(text, day):
    found = [one for one in find_dates(text, now=NOW, timezone="Europe/Berlin") if one.due]
    assert [str(one.day) for one in found] == [day]


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("due 2026-02-31", "calendar"),
        ("bis 31.02.", "calendar"),
        ("bis 32.13.2026", "calendar"),
        ("due 2020-01-01", "past"),
        ("by 3/4/2027", "two ways"),
        ("by Monday", "two ways"),
        ("by next Friday", "two ways"),
        ("by next week", "not a day"),
        ("in 9999 weeks", "too far"),
    ],
)
def test_impossible_and_unclear_days_are_problems(text, word):
    (found,) = [one for one in find_dates(text, now=NOW, timezone="Europe/Berlin") if one.due]
    assert found.day is None
    assert word in found.problem


def test_days_that_are_not_due_dates_stay_out():
    assert not any(one.due for one in find_dates("the workshop on 3 December", now=NOW, timezone="Europe/Berlin"))


def test_the_operators_day_counts_not_utc():
    late = datetime(2026, 11, 23, 23, 30, tzinfo=UTC)
    (found,) = find_dates("by tomorrow", now=late, timezone="Europe/Berlin")
    assert str(found.day) == "2026-11-25"


@pytest.mark.parametrize(
    ("answer", "day"), [("15.12.2026", "2026-12-15"), ("Friday", "2026-11-27"), ("14 Tage", "2026-12-07")]
)
def test_a_bare_day_answers_when_is_it_due(answer, day):
    found = read_due(answer, now=NOW, timezone="Europe/Berlin")
    assert found is not None
    assert str(found.day) == day


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("Acme Studio GmbH", {"acme-studio"}),
        ("acme studio", {"acme-studio"}),
        ("ACME STUDIO GMBH", {"acme-studio"}),
        ("Beta Limited", {"beta-ltd"}),
        ("Acme", {"acme-studio"}),
        ("Acme Stduio", {"acme-studio"}),
        ("AcmeStudio", {"acme-studio"}),
        ("acme-studio", {"acme-studio"}),
        ("bee", {"beta-ltd"}),
        ("Mueller Haustechnik", {"mueller"}),
        ("MÜLLER HAUSTECHNIK AG", {"mueller"}),
        ("Müller Haustechnk", {"mueller"}),
        ("Nordlicht GmbH", {"nord-gmbh"}),
        ("Nordlicht Ltd", {"nord-ltd"}),
        ("Nordlicht", {"nord-gmbh", "nord-ltd"}),
        ("Gemini", {"twin-one", "twin-two"}),
    ],
)
def test_clients_are_found_and_equal_matches_stay_equal(text, ids):
    mentions = find_clients(text, CLIENTS)
    assert {i for one in mentions for i in one.ids} == ids
    assert not any(one.near for one in mentions)


@pytest.mark.parametrize("text", ["Omega", "Alpha Studio", "the studio", "heat pumps", "Beto", "studio GmbH"])
def test_other_names_are_nobody(text):
    assert find_clients(text, CLIENTS) == ()


@pytest.mark.parametrize(
    "text",
    [
        "Invoice Acme Foods 5 EUR",
        "invoice acme foods 5 eur",
        "Invoice Bee Hotels 5 EUR",
        "Invoice Old Acme 5 EUR",
        "an Beta Reisen",
        "Invoice Acme Studio Berlin GmbH 5 EUR",
        "invoice acme studio berlin gmbh 5 eur",
        "Invoice Acme Studio AG 5 EUR",
        "Invoice Acme Studio Ltd. 5 EUR",
        "Invoice Nord Acme Studio GmbH 5 EUR",
        "Invoice Bee GmbH 5 EUR",
    ],
)
def test_a_name_beside_another_word_or_another_legal_form_is_somebody_else(text):
    (mention,) = find_clients(text, CLIENTS)
    assert mention.near
    assert read_client(text, CLIENTS) is None


@pytest.mark.parametrize(
    "text",
    [
        "Invoice Bee EUR 500",
        "Bee Ltd",
        "invoice acme eur 500",
        "Berechne Acme 500 €",
        "stelle Acme netto 500 € in Rechnung",
        "Acme.",
    ],
)
def test_ordinary_words_beside_a_name_do_not_matter(text):
    (mention,) = find_clients(text, CLIENTS)
    assert not mention.near


def test_the_longer_name_wins_over_another_clients_alias():
    clients = {
        "acme": Client(id="acme", name="Acme Holding", aliases=("Acme",)),
        "studio": Client(id="studio", name="Acme Studio GmbH"),
    }
    for text in ("Acme Studio", "acme studio", "Invoice Acme Studio GmbH 500 EUR"):
        (mention,) = find_clients(text, clients)
        assert mention.ids == ("studio",)


@given(st.sampled_from(sorted(CLIENTS)))
@settings(deadline=None, max_examples=20)
def test_every_id_answers_for_itself(identity):
    assert read_client(identity, CLIENTS) == identity
    assert read_client(f"{CLIENTS[identity].name} ({identity})", CLIENTS) == identity


def test_folding_is_stable():
    assert fold("Müller") == fold("MUELLER") == fold("mu\u0308ller")


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Write a post about radiators", "en"),
        ("Schreibe einen Beitrag über Heizkörper", "de"),
        ("Écris un article sur les pompes à chaleur pour la maison", "unknown"),
        ("写一篇关于热泵的文章", "unknown"),
        ("12345 😀", "unknown"),
        ("", "unknown"),
    ],
)
def test_languages(text, language):
    assert detect(text) == language


@pytest.mark.parametrize(
    ("text", "urls"),
    [
        ("see https://example.com/a.", ["https://example.com/a"]),
        ("(https://example.com/wiki/A_(b))", ["https://example.com/wiki/A_(b)"]),
        ("www.example.org, and http://a.example/x?y=1!", ["https://www.example.org", "http://a.example/x?y=1"]),
        ("https://user:pw@example.com/", []),
        ("https://example.com:99999999/", []),
        ("no address e.g. here", []),
    ],
)
def test_addresses(text, urls):
    assert [one.url for one in find_urls(text)] == urls
