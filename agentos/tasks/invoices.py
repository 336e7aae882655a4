"""The invoices that were issued and what was paid for each: looked up where the log names them, for who books a
payment.

`number.assigned` names the effect that took a number, and the slot of a payment is its invoice and the how-manieth it
is. So what is read grows with the invoices, and not with everything else that was ever done.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import count
from typing import Any

from agentos.effects.port import Amounts, effect_key
from agentos.events.log import Reader
from agentos.events.record import Record
from agentos.money import Money
from agentos.tasks.items import is_undone, receipt_of, started_of

ISSUED, PAID = ("invoice", "issue"), ("ledger", "receive")
LEDGER = "ledger:main"


@dataclass
class Owed:
    """One invoice. Amounts in `currency`; `payments` counts those booked and not reversed; `taken` is the how-manieth
    that was booked last, reversed or not: the next one is another. `effect` is the key under which it was issued."""

    effect: str
    number: str
    client: str
    gross: Decimal
    currency: str
    issued_on: str
    due: str
    paid: Decimal = Decimal(0)
    payments: int = 0
    taken: int = 0
    cancelled: bool = False

    @property
    def open(self) -> Decimal:
        return Decimal(0) if self.cancelled else self.gross - self.paid

    def to_json(self) -> dict[str, Any]:
        return {
            "effect": self.effect, "number": self.number, "client": self.client, "gross": str(self.gross),
            "currency": self.currency, "issued_on": self.issued_on, "due": self.due, "paid": str(self.paid),
            "open": str(self.open), "payments": self.payments, "taken": self.taken, "cancelled": self.cancelled,
        }  # fmt: skip


def invoices(log: Reader, client: str | None = None) -> dict[str, Owed]:
    """number -> what is known of it, in the order in which they were issued; of one client where one is named. What
    belongs to a forgotten client is absent."""
    adopted = list(_adopted(log))
    numbered = (str(record.data["effect"]) for record in _numbers(log))
    found: dict[str, Owed] = {}
    for key in dict.fromkeys([*numbered, *_keys(adopted, ISSUED)]):
        owed = _issued(log, key, client)
        if owed is not None and owed.number not in found:
            found[owed.number] = owed
    for owed in found.values():
        for key in dict.fromkeys([*_slots(log, owed.number), *_keys(adopted, PAID)]):
            _add_payment(log, key, owed)
    return found


def owner_of(log: Reader, number: str) -> str | None:
    """The client of an invoice that was issued, by its number as it was said."""
    said = number.strip().casefold()
    for key in _effects_of(log, said):
        owed = _issued(log, key)
        if owed is not None and owed.number.casefold() == said:
            return owed.client
    return None


def _numbers(log: Reader) -> Iterator[Record]:
    return log.read(stream="number/invoice", types=("number.assigned",))


def _effects_of(log: Reader, said: str) -> Iterator[str]:
    """Where the number that is said may have gone: most patterns end with what counts."""
    last = re.search(r"\d{1,15}$", said)
    record = log.by_key(f"number/invoice/{int(last[0])}") if last is not None else None
    if record is not None and record.data["text"].casefold() == said:
        yield str(record.data["effect"])
        return
    yield from (str(one.data["effect"]) for one in _numbers(log) if one.data["text"].casefold() == said)
    yield from _keys(_adopted(log), ISSUED)


def _adopted(log: Reader) -> Iterator[Record]:
    """Starts that `agentos start` took over after a restore: all between that and the start. A number that another
    pattern made is recorded by them alone, and a payment may follow one that is lost."""
    for restored in log.read(stream="platform", types=("platform.restored",)):
        for record in log.read(after=restored.seq, types=("effect.started", "platform.started", "platform.restored")):
            if record.type != "effect.started":
                break
            if not record.forgotten:
                yield record


def _keys(starts: Iterator[Record] | list[Record], kind: tuple[str, str]) -> list[str]:
    return [str(one.data["effect"]) for one in starts if (one.data["system"], one.data["verb"]) == kind]


def _slots(log: Reader, number: str) -> Iterator[str]:
    """Keys of its payments, begun one after the other; a slot that was undone is taken again in the next
    generation."""
    for nth in count(1):
        for generation in count(1):
            key = effect_key(LEDGER, PAID[1], f"payment/{number}/{nth}", generation)
            if log.by_key(f"effect.started/{key}/1") is None:
                break
            yield key
        if generation == 1:
            return


def _issued(log: Reader, key: str, client: str | None = None) -> Owed | None:
    """None while it has no receipt, for another client's, and for a forgotten client's."""
    started = started_of(log, key)
    if started is None or (client is not None and started.subject != client) or started.forgotten:
        return None
    receipt = receipt_of(log, key)
    number = receipt.data.get("number") if receipt is not None else None
    if receipt is None or not number or not started.data["amounts"]:
        return None
    gross = Amounts.model_validate(started.data["amounts"]).gross
    issued_on, due = (str(receipt.data.get(name) or "") for name in ("issued_on", "due"))
    return Owed(
        key,
        str(number),
        started.subject or "",
        gross.amount,
        gross.currency,
        issued_on,
        due,
        cancelled=is_undone(log, key),
    )


def _add_payment(log: Reader, key: str, owed: Owed) -> None:
    """One effect may have several starts; its receipt counts once, with its newest start's amount."""
    started = started_of(log, key)
    if started is None or started.forgotten:
        return
    receipt = receipt_of(log, key)
    if receipt is None or receipt.data.get("invoice") != owed.number:
        return
    owed.taken = max(owed.taken, _nth(key))
    gross = _paid(started)
    if gross is not None and gross.currency == owed.currency and not is_undone(log, key):
        owed.paid += gross.amount
        owed.payments += 1


def _paid(started: Record) -> Money | None:
    """A payment that an older program adopted after a restore has its amount in the payload alone."""
    if started.data["amounts"]:
        return Amounts.model_validate(started.data["amounts"]).gross
    payload = started.data["payload"] or {}
    if not all(payload.get(name) for name in ("amount", "currency")):
        return None
    return Money.of(payload["amount"], payload["currency"])


def _nth(key: str) -> int:
    """The how-manieth payment of its invoice has that key."""
    nth = key.partition("#")[0].rpartition("/")[2]
    return int(nth) if nth.isdecimal() else 0
