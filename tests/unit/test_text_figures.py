"""Figures are read alike in English and German, whatever the separators."""

from __future__ import annotations

from decimal import Decimal

import pytest
from babel.numbers import format_decimal
from hypothesis import given, settings
from hypothesis import strategies as st

from agentos.capabilities.words import Language
from agents.text.figures import figures, number


@pytest.mark.parametrize(
    ("text", "language", "low", "high", "unit"),
    [
        ("1,200.50 EUR", "en", "1200.50", "1200.50", "EUR"),
        ("1.200,50 Euro", "de", "1200.50", "1200.50", "EUR"),
        ("1.200 Euro", "de", "1200", "1200", "EUR"),
        ("1,200 EUR", "en", "1200", "1200", "EUR"),
        ("€1.5 million", "en", "1500000", "1500000", "EUR"),
        ("1,5 Mio. Euro", "de", "1500000", "1500000", "EUR"),
        ("20–30 %", "en", "20", "30", "percent"),
        ("zwischen 20 und 30 Prozent", "de", "20", "30", "percent"),
        ("-7 °C", "en", "-7", "-7", "°C"),
        ("twelve years", "en", "12", "12", "year"),
        ("a 9-kW unit", "en", "9", "9", "kW"),
    ],
)
def test_one_figure(text: str, language: Language, low: str, high: str, unit: str) -> None:
    (figure,) = figures(text, language)
    assert (figure.low, figure.high, figure.unit) == (Decimal(low), Decimal(high), unit)


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("3 May 2026", "2026-05-03"),
        ("am 3. Mai 2026", "2026-05-03"),
        ("03.05.2026", "2026-05-03"),
        ("May 3, 2026", "2026-05-03"),
        ("in May 2026", "2026-05"),
        ("in 2026", "2026"),
    ],
)
def test_dates(text: str, day: str) -> None:
    (figure,) = figures(text, "de" if "Mai" in text else "en")
    assert figure.day == day


def test_names_with_digits_are_no_figures_and_two_figures_stay_two() -> None:
    assert figures("R290 and EN16931", "en") == []
    assert [f.low for f in figures("3 kW and 5 kW", "en")] == [3, 5]


@settings(deadline=None, max_examples=200)
@given(st.decimals(min_value=0, max_value=10**9, places=2, allow_nan=False), st.sampled_from(["en", "de"]))
def test_a_number_survives_being_written_the_way_of_its_language(value: Decimal, language: Language) -> None:
    written = format_decimal(value, locale=language, decimal_quantization=False)
    assert number(written, language) == value
    (figure,) = figures(f"{written} EUR", language)
    assert figure.low == value
