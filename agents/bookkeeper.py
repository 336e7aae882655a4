"""The bookkeeper: a payment that the operator tells of becomes one proposal to book it against its invoice.

It matches and asks; an invoice is never guessed, and nothing is touched outside.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field

from agentos.agent import Kit, Manifest, Question
from agentos.effects.port import Amounts, Proposal
from agentos.errors import Permanent
from agentos.money import Money, digits
from agentos.workspace.model import Business

manifest = Manifest(
    role="bookkeeper",
    version="1",
    outcome="The books say what each client has paid, and what is still owed.",
    capabilities=("business.get", "clients.get", "invoices.list", "invoices.named"),
    effects=("ledger.receive",),
    failure_modes=(
        "The invoice is not named, is none of this client's, or is taken back: it asks which one it was.",
        "More was paid than is open: a card asks before it is booked.",
        "The day of the payment can't be read, or lies ahead: it asks.",
    ),
    unwound="A reversing entry takes the booking back; the money itself stays where it is.",
    act="Answer its card with the number of the invoice or the day; compare with the bank's statement.",
    kpi="share of payments booked without a question",
)

MOST_OFFERED = 9
_WORDS = {
    "en": {"title": "Book {amount} from {client} for invoice {number}", "narration": "Payment of invoice {number}"},
    "de": {"title": "{amount} von {client} zu Rechnung {number} buchen", "narration": "Zahlung zu Rechnung {number}"},
}


class Paid(BaseModel):
    """The amount as it was understood; `basis` says nothing about a payment, and is read past."""

    model_config = ConfigDict(frozen=True)

    amount: Decimal
    currency: str = Field(pattern=r"^[A-Z]{3}$")
    basis: str | None = None


class Request(BaseModel):
    """`invoice` is a number as it was said. Without `amount` all that is open was paid; without `paid_on`, today."""

    model_config = ConfigDict(frozen=True)

    client: str
    invoice: str | None = None
    amount: Paid | None = None
    paid_on: str | None = None
    language: str | None = None


class Result(BaseModel):
    """`reasons` are doubts that make the coordinator ask; there are none in a plain case."""

    model_config = ConfigDict(frozen=True)

    proposals: list[Proposal]
    reasons: list[str] = []


async def run(request: Request, kit: Kit) -> Result:
    """Raises Question for what is missing or does not fit, Permanent for what is no payment."""
    business = Business.model_validate(await kit.use("business.get"))
    client = await kit.use("clients.get", id=request.client)
    known = await kit.use("invoices.list", client=request.client)
    invoice = await _invoice(request, kit, known)
    today = kit.now.astimezone(ZoneInfo(business.timezone)).date()
    on = _day(kit.answers.get("paid_on") or request.paid_on, today)
    paid, reasons = _amount(request, invoice)
    words = _WORDS["de" if (request.language or business.language).startswith("de") else "en"]
    return Result(proposals=[_receive(invoice, paid, on, str(client["name"]), words)], reasons=reasons)


async def _invoice(request: Request, kit: Kit, known: list[dict[str, Any]]) -> dict[str, Any]:
    """The one invoice that was paid, as it stands now. An answer may be a choice: "2026-0012, 500.00 EUR open"."""
    answer = kit.answers.get("invoice")
    named = (answer.split(",")[0] if answer is not None else request.invoice or "").strip()
    if any("effect" not in one for one in known):  # a list that was recorded earlier
        return _listed(request.client, named, known)
    if answer is None:
        _listed(request.client, named, known)
    others = [one for one in known if one["number"].casefold() != named.casefold()]
    found: dict[str, Any] = await kit.use(
        "invoices.named", client=request.client, number=named, others=list(_choices(others))
    )
    return found


def _listed(client: str, named: str, known: list[dict[str, Any]]) -> dict[str, Any]:
    """Asks where the list says already that it can't be this one."""
    found = next((one for one in known if named and one["number"].casefold() == named.casefold()), None)
    if found is None:
        why = f"{client} has no invoice {named}." if named else "No invoice is named."
        raise Question("invoice", f"{why} Which one was paid?", _choices(known))
    if found["cancelled"]:
        why = f"Invoice {found['number']} was taken back by a credit note."
        raise Question("invoice", f"{why} Which one was paid?", _choices(known))
    return found


def _choices(invoices: list[dict[str, Any]]) -> tuple[str, ...]:
    unpaid = [one for one in invoices if Decimal(one["open"]) > 0]
    return tuple(f"{one['number']}, {one['open']} {one['currency']} open" for one in unpaid[:MOST_OFFERED])


def _day(said: str | None, today: date) -> date:
    if said is None:
        return today
    try:
        on = date.fromisoformat(said.strip())
    except ValueError:
        raise Question("paid_on", f"“{said}” is no date. On which day was it paid, as in: {today}?") from None
    if on > today:
        raise Question("paid_on", f"{on} lies ahead. On which day was it paid, as in: {today}?")
    return on


def _amount(request: Request, invoice: dict[str, Any]) -> tuple[Money, list[str]]:
    """What was paid, and why it should be looked at. Raises Permanent for what can't be booked against the invoice."""
    left = Money.of(invoice["open"], invoice["currency"])
    if request.amount is None:
        if left.amount <= 0:
            raise Permanent(f"Invoice {invoice['number']} is paid already.", code="payment.paid")
        return left, []
    paid = Money.of(request.amount.amount, request.amount.currency)
    if paid.currency != left.currency:
        raise Permanent(
            f"Invoice {invoice['number']} is in {left.currency}, the payment in {paid.currency}.",
            hint=f"Say what arrived in {left.currency}.",
            code="payment.currency",
        )
    if paid.amount <= 0 or paid.amount != round(paid.amount, digits(paid.currency)):
        raise Permanent(f"{paid.amount} {paid.currency} can't be paid.", code="payment.amount")
    if paid.amount > left.amount:
        return paid, [f"{paid} is more than the {left} that are open on invoice {invoice['number']}."]
    return paid, []


def _receive(invoice: dict[str, Any], paid: Money, on: date, name: str, words: dict[str, str]) -> Proposal:
    """The slot is the invoice and the how-manieth payment of it: two that are booked at once can't both be the next,
    and one that was reversed is not this one."""
    number, nothing = invoice["number"], Money.of(0, paid.currency)
    nth = invoice.get("taken", invoice["payments"]) + 1  # an answer recorded earlier tells only how many stand
    return Proposal(
        system="ledger",
        verb="receive",
        slot=f"/payment/{number}/{nth}",
        title=words["title"].format(amount=paid, client=name, number=number),
        payload={
            "date": on.isoformat(),
            "invoice": number,
            "client": invoice["client"],
            "payee": name,
            "narration": words["narration"].format(number=number),
            "amount": str(paid.amount),
            "currency": paid.currency,
        },
        subject=invoice["client"],
        rests_on=(invoice["effect"],) if "effect" in invoice else (),  # an answer recorded earlier names none
        amounts=Amounts(net=paid, vat=nothing, gross=paid),
    )
