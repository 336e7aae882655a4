"""The arithmetic of invoices, and what is refused before anything is printed."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentos.effects.invoice import build, check_pattern, format_number, parse, parse_number
from agentos.effects.invoice.amounts import instalments, totals
from agentos.errors import Permanent, WorkspaceError
from agentos.money import Money
from agentos.workspace.model import Instalment
from tests.fakes.invoices import payload

cents = st.integers(min_value=1, max_value=10**9).map(lambda n: Decimal(n) / 100)
rates = st.sampled_from([Decimal(r) for r in ("0", "2.1", "5.5", "7", "10", "19", "20", "25.5", "100")])


@settings(deadline=None)
@given(st.lists(cents, min_size=1, max_size=8), rates)
def test_on_a_net_basis_vat_is_the_rounded_product_and_everything_adds_up(lines: list[Decimal], rate: Decimal) -> None:
    amounts, nets = totals([Money(amount=line, currency="EUR") for line in lines], "net", rate)
    assert amounts.net.amount == sum(lines) == sum(net.amount for net in nets)
    assert amounts.net + amounts.vat == amounts.gross
    assert abs(amounts.vat.amount - amounts.net.amount * rate / 100) <= Decimal("0.005")


@settings(deadline=None)
@given(st.lists(cents, min_size=1, max_size=8), rates)
def test_on_a_gross_basis_the_total_named_stays_to_the_cent(lines: list[Decimal], rate: Decimal) -> None:
    amounts, nets = totals([Money(amount=line, currency="EUR") for line in lines], "gross", rate)
    assert amounts.gross.amount == sum(lines)
    assert amounts.net + amounts.vat == amounts.gross
    assert sum(net.amount for net in nets) == amounts.net.amount
    assert abs(amounts.vat.amount - amounts.net.amount * rate / 100) <= Decimal("0.01")
    exact = [line * 100 / (100 + rate) for line in lines]
    assert all(abs(net.amount - share) < Decimal("0.011") for net, share in zip(nets, exact, strict=True))


@settings(deadline=None)
@given(cents, st.lists(st.integers(min_value=1, max_value=50), min_size=1, max_size=6), st.sampled_from(["EUR", "JPY"]))
def test_instalments_add_up_to_the_gross(amount: Decimal, weights: list[int], currency: str) -> None:
    gross = Money(amount=amount, currency=currency).rounded()
    shares = [Decimal(w) for w in weights[:-1]] if sum(weights[:-1]) < 100 else []
    shares.append(100 - sum(shares, Decimal(0)))
    schedule = [Instalment(share=share, days=30 * i) for i, share in enumerate(shares)]
    parts = instalments(gross, schedule, date(2026, 11, 23))
    assert sum((part.amount for _, part in parts), Decimal(0)) == gross.amount
    assert all(part.amount >= 0 and part == part.rounded() for _, part in parts)
    assert parts[0][0] == date(2026, 11, 23)


@pytest.mark.parametrize(
    ("basis", "net", "vat", "gross"),
    [("net", "1200.00", "228.00", "1428.00"), ("gross", "1008.40", "191.60", "1200.00")],
)
def test_the_vignette_s_amount(basis: str, net: str, vat: str, gross: str) -> None:
    amounts = build(parse(payload(basis=basis))).amounts
    assert (amounts.net.amount, amounts.vat.amount, amounts.gross.amount) == (
        Decimal(net),
        Decimal(vat),
        Decimal(gross),
    )


def test_half_a_cent_of_vat_goes_up() -> None:
    document = build(
        parse(payload(lines=[{"description": "Tip", "unit_price": "0.50"}], vat={"category": "S", "rate": "7"}))
    )
    assert document.amounts.vat.amount == Decimal("0.04")


def test_shares_that_are_not_a_hundred_percent_are_refused() -> None:
    with pytest.raises(Permanent, match="90 percent"):
        build(parse(payload(schedule=[{"share": "30", "days": 0}, {"share": "60", "days": 30}])))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"lines": [{"description": "x", "unit_price": "0"}]}, "0.00 EUR can't be issued"),
        ({"lines": [{"description": "x", "unit_price": "-5"}]}, "can't be issued"),
        ({"vat": {"category": "S", "rate": "0"}}, "is not a rate"),
        ({"vat": {"category": "E"}}, "needs the reason"),
        ({"vat": {"category": "AE", "reason": "Reverse charge"}}, "VAT ids of both sides"),
        ({"lines": []}, "lines"),
        ({"currency": "euro"}, "currency"),
        ({"number": "⟦number⟧", "issued_on": "⟦date⟧"}, "issued_on"),
        ({"lines": [{"description": "\x00\n", "unit_price": "5"}]}, "lines.0.description"),
    ],
)
def test_what_is_wrong_is_named(change: dict[str, Any], message: str) -> None:
    with pytest.raises(Permanent, match=message):
        build(parse(payload(**change)))


def test_a_due_date_that_passed_while_waiting_is_due_at_once() -> None:
    assert build(parse(payload(due="2026-11-01"))).due == date(2026, 11, 23)
    assert build(parse(payload(due="2026-12-24"))).due == date(2026, 12, 24)
    assert build(parse(payload(days=10))).due == date(2026, 12, 3)


@given(
    st.sampled_from(["{year}-{number:04}", "RE/{year}/{month:02}/{number}", "{number:06d}", "{year}{number:03}-A"]),
    st.integers(2000, 2999), st.integers(1, 12), st.integers(1, 10**7),
)  # fmt: skip
@settings(deadline=None)
def test_a_number_can_be_read_back_from_its_text(pattern: str, year: int, month: int, number: int) -> None:
    assert parse_number(pattern, format_number(pattern, year, month, number)) == number


def test_a_text_that_is_not_of_the_pattern_holds_no_number() -> None:
    assert parse_number("{year}-{number:04}", "CN-2026-0001") is None
    assert parse_number("{year}-{number:04}", "2026-") is None


@pytest.mark.parametrize(
    "pattern",
    [
        "{year}",
        "INV",
        "{number.__class__}",
        "{number!r}",
        "{number:>{year}}",
        "{0}",
        "{number",
        "{day}-{number}",
        "{number:x}",
    ],
)
def test_a_pattern_that_can_t_number_invoices_is_refused(pattern: str) -> None:
    with pytest.raises(WorkspaceError, match=r"agentos\.toml"):
        check_pattern(pattern)
