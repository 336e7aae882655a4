"""What a person reads: amounts, times, columns, and texts that can't steer her terminal."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import click
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from desk.render.style import bold, clean, columns, costs, counted, cut, line, moment, money, span, wrapped

NOW = datetime(2026, 11, 23, 21, 0, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


def test_amounts_have_thousands_and_two_digits() -> None:
    assert money({"amount": "1428", "currency": "EUR"}) == "1,428.00 EUR"
    assert money({"amount": "0.00042", "currency": "USD"}) == "0.00042 USD"
    assert money({"amount": "-3.5", "currency": "EUR"}) == "-3.50 EUR"


def test_costs_add_nothing_up_across_currencies() -> None:
    assert costs([{"amount": "0", "currency": "EUR"}]) == "nothing"
    assert costs([{"amount": "1", "currency": "EUR"}, {"amount": "2", "currency": "USD"}]) == "1.00 EUR + 2.00 USD"


@pytest.mark.parametrize(
    ("at", "shown"),
    [
        (datetime(2026, 11, 23, 21, 30, tzinfo=UTC), "22:30"),
        (datetime(2026, 11, 23, 23, 30, tzinfo=UTC), "24 Nov 00:30"),
        (datetime(2027, 1, 1, 11, 0, tzinfo=UTC), "1 Jan 2027 12:00"),
    ],
)
def test_times_are_the_business_s_own(at: datetime, shown: str) -> None:
    assert moment(at, BERLIN, NOW) == shown


def test_spans_and_counts() -> None:
    assert [span(timedelta(seconds=s)) for s in (-5, 3, 600, 18_000, 259_200)] == [
        "0 s", "3 s", "10 min", "5 h", "3 days",
    ]  # fmt: skip
    assert [counted(1, "step"), counted(2, "step")] == ["1 step", "2 steps"]


def test_a_text_from_outside_can_not_steer_the_terminal() -> None:
    assert clean("a\x1b[2Jb\x07\u202ec\nd") == "a[2Jbc\nd"
    assert line("two\nlines\x1b") == "two lines"


@given(st.text(), st.integers(4, 60))
@settings(deadline=None)
def test_a_cut_text_fits_and_is_one_line(text: str, width: int) -> None:
    shown = cut(text, width)
    assert len(shown) <= width
    assert "\n" not in shown
    assert "\x1b" not in shown


def test_columns_align_whatever_is_coloured() -> None:
    rows = columns([[bold("a"), "x"], ["abc", "y"]])
    assert [click.unstyle(row) for row in rows] == ["a    x", "abc  y"]


def test_wrapped_lines_hang() -> None:
    assert wrapped("one two three", 9, "- ", "  ") == ["- one two", "  three"]
