"""The arithmetic of an invoice, by the rules of EN 16931-1 (BR-CO-10, -13, -15, -17) in Decimal."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import ROUND_FLOOR, Decimal
from typing import Literal

from agentos.effects.port import Amounts
from agentos.errors import Permanent
from agentos.money import Money, digits
from agentos.workspace.model import Instalment

Basis = Literal["net", "gross"]
_HUNDRED = Decimal(100)


def totals(line_amounts: Sequence[Money], basis: Basis, rate: Decimal) -> tuple[Amounts, list[Money]]:
    """Net, VAT, gross and the net of each line, from line amounts on `basis`; `rate` in percent.

    net: VAT = net x rate, half up (BR-CO-17). gross: the total the operator named stays to the cent; net = gross /
    (1 + rate), VAT is the rest, so it may differ from net x rate by one minor unit (BR-S-09 as published allows that),
    and the line nets are rounded so that they add up to net (BR-CO-10).
    """
    amounts = [line.rounded() for line in line_amounts]
    total = amounts[0]
    for amount in amounts[1:]:
        total = total + amount
    if basis == "net":
        vat = total.times(rate / _HUNDRED).rounded()
        return Amounts(net=total, vat=vat, gross=total + vat), amounts
    factor = _HUNDRED / (_HUNDRED + rate)
    net = total.times(factor).rounded()
    return Amounts(net=net, vat=total - net, gross=total), _shared(net, [line.times(factor) for line in amounts])


def _shared(total: Money, exact: Sequence[Money]) -> list[Money]:
    """`exact` rounded to minor units so that they add up to `total` (largest remainder; ties to the earlier line)."""
    step = Decimal(1).scaleb(-digits(total.currency))
    floors = [line.amount.quantize(step, ROUND_FLOOR) for line in exact]
    missing = int((total.amount - sum(floors, Decimal(0))) / step)
    order = sorted(range(len(exact)), key=lambda i: floors[i] - exact[i].amount)
    for i in order[:missing]:
        floors[i] += step
    return [Money(amount=amount, currency=total.currency) for amount in floors]


def instalments(gross: Money, schedule: Sequence[Instalment], issued_on: date) -> list[tuple[date, Money]]:
    """Due date and amount of each part; the amounts add up to `gross` exactly.

    Raises Permanent when the shares are not 100 percent together.
    """
    shares = sum((part.share for part in schedule), Decimal(0))
    if shares != _HUNDRED:
        raise Permanent(
            f"The payment schedule adds up to {shares} percent.",
            hint="Make the shares in the client's file add up to 100.",
            code="invoice.schedule",
        )
    parts, share, paid = [], Decimal(0), gross.times(0)
    for part in schedule:
        share += part.share
        upto = gross.times(share / _HUNDRED).rounded()
        parts.append((issued_on + timedelta(days=part.days), upto - paid))
        paid = upto
    return parts
