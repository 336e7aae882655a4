"""The invoices that were issued and what was paid for each: a fold over the log, for who books a payment."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from agentos.effects.port import Amounts
from agentos.events.log import Reader
from agentos.events.record import Record
from agentos.tasks.items import is_undone, receipt_of

ISSUED, PAID = ("invoice", "issue"), ("ledger", "receive")


@dataclass
class Owed:
    """One invoice. Amounts in `currency`; `payments` counts those booked and not reversed."""

    number: str
    client: str
    gross: Decimal
    currency: str
    issued_on: str
    due: str
    paid: Decimal = Decimal(0)
    payments: int = 0
    cancelled: bool = False

    @property
    def open(self) -> Decimal:
        return Decimal(0) if self.cancelled else self.gross - self.paid

    def to_json(self) -> dict[str, Any]:
        return {
            "number": self.number, "client": self.client, "gross": str(self.gross), "currency": self.currency,
            "issued_on": self.issued_on, "due": self.due, "paid": str(self.paid), "open": str(self.open),
            "payments": self.payments, "cancelled": self.cancelled,
        }  # fmt: skip


def invoices(log: Reader) -> dict[str, Owed]:
    """number -> what is known of it, in the order in which they were issued. What belongs to a forgotten client is
    absent."""
    found: dict[str, Owed] = {}
    payments: list[Record] = []
    for record in log.read(types=("effect.started",)):
        if record.forgotten:
            continue
        kind = (record.data["system"], record.data["verb"])
        if kind == ISSUED:
            _issued(log, record, found)
        elif kind == PAID:
            payments.append(record)
    for record in payments:
        _paid(log, record, found)
    return found


def owner_of(log: Reader, number: str) -> str | None:
    """The client of an invoice, by its number as it was said."""
    found = (one.client for one in invoices(log).values() if one.number.casefold() == number.strip().casefold())
    return next(found, None)


def _issued(log: Reader, record: Record, found: dict[str, Owed]) -> None:
    receipt = receipt_of(log, record.data["effect"])
    number = receipt.data.get("number") if receipt is not None else None
    if receipt is None or not number or number in found or not record.data["amounts"]:
        return
    gross = Amounts.model_validate(record.data["amounts"]).gross
    issued_on, due = (str(receipt.data.get(name) or "") for name in ("issued_on", "due"))
    cancelled = is_undone(log, record.data["effect"])
    found[number] = Owed(
        number, record.subject or "", gross.amount, gross.currency, issued_on, due, cancelled=cancelled
    )


def _paid(log: Reader, record: Record, found: dict[str, Owed]) -> None:
    """One effect may have several starts; its receipt counts once, with its newest start's amount."""
    data = record.data
    receipt = receipt_of(log, data["effect"])
    later = log.by_key(f"effect.started/{data['effect']}/{data['attempt'] + 1}")
    if receipt is None or later is not None or is_undone(log, data["effect"]) or not data["amounts"]:
        return
    owed = found.get(str(receipt.data.get("invoice")))
    gross = Amounts.model_validate(data["amounts"]).gross
    if owed is not None and owed.currency == gross.currency:
        owed.paid += gross.amount
        owed.payments += 1
