"""Money: exact, never a float, never two currencies in one sum; a split loses and invents nothing."""

from __future__ import annotations

from decimal import Decimal
from functools import reduce
from operator import add

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from agentos.money import Money, digits, split

CURRENCIES = st.sampled_from(["EUR", "USD", "GBP", "JPY", "KWD", "CHF"])
AMOUNTS = st.decimals(min_value=-(10**9), max_value=10**9, places=4)


@given(CURRENCIES, st.lists(AMOUNTS, min_size=1, max_size=20))
def test_adding_is_exact_in_any_order(currency: str, amounts: list[Decimal]) -> None:
    money = [Money.of(amount, currency) for amount in amounts]
    total = reduce(add, money)
    assert total == reduce(add, reversed(money))
    assert total.amount == sum(amounts)
    assert total - money[0] + money[0] == total
    assert total - total - total == -total


@given(CURRENCIES, AMOUNTS)
def test_rounding_moves_by_at_most_half_a_unit_and_only_once(currency: str, amount: Decimal) -> None:
    money = Money.of(amount, currency)
    unit = Decimal(1).scaleb(-digits(currency))
    assert abs(money.rounded().amount - amount) <= unit / 2
    assert money.rounded().rounded() == money.rounded()
    assert (-money).rounded() == -money.rounded()


@given(CURRENCIES, st.integers(-(10**9), 10**9), st.integers(1, 200))
def test_a_split_adds_up_exactly_and_is_even_to_one_unit(currency: str, units: int, parts: int) -> None:
    unit = Decimal(1).scaleb(-digits(currency))
    total = Money.of(unit * units, currency)
    shares = split(total, parts)
    assert len(shares) == parts
    assert reduce(add, shares) == total
    assert max(shares).amount - min(shares).amount <= unit
    assert all(share == share.rounded() for share in shares)


def test_half_a_cent_goes_up_as_in_commerce() -> None:
    assert [str(Money.of(text, "EUR")) for text in ("0.005", "0.015", "-0.005", "1234567.894")] == [
        "0.01 EUR", "0.02 EUR", "-0.01 EUR", "1,234,567.89 EUR",
    ]  # fmt: skip
    assert str(Money.of("1.5", "JPY")) == "2 JPY"
    assert str(Money.of("1.0005", "KWD")) == "1.001 KWD"


@given(CURRENCIES, CURRENCIES)
def test_currencies_do_not_mix(one: str, other: str) -> None:
    left, right = Money.of(1, one), Money.of(1, other)
    if one == other:
        assert left == right
        return
    assert left != right
    for mix in (lambda: left + right, lambda: left - right, lambda: left < right, lambda: left >= right):
        with pytest.raises(ValueError, match="exchange rate"):
            mix()


@pytest.mark.parametrize("amount", [1.5, 0.1, float("nan"), "NaN", "Infinity", "-Infinity", "twelve", None])
def test_what_is_no_exact_amount_is_refused(amount: object) -> None:
    with pytest.raises(ValidationError):
        Money.model_validate({"amount": amount, "currency": "EUR"})


@pytest.mark.parametrize("currency", ["eur", "EURO", "€", "", "E1R", "ΕUR"])
def test_what_is_no_currency_code_is_refused(currency: str) -> None:
    with pytest.raises(ValidationError):
        Money.of(1, currency)


@given(CURRENCIES, AMOUNTS)
def test_it_comes_back_from_json_to_the_digit(currency: str, amount: Decimal) -> None:
    money = Money.of(amount, currency)
    assert Money.model_validate_json(money.model_dump_json()) == money
    assert str(Money.model_validate(money.model_dump(mode="json")).amount) == str(amount)


def test_a_float_in_json_is_refused() -> None:
    with pytest.raises(ValidationError):
        Money.model_validate_json('{"amount": 12.30, "currency": "EUR"}')
