"""After a restore, numbers go on above the highest one in the log or on a document outside, without a silent gap."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

from agentos.effects.invoice import format_number, parse_number
from agentos.effects.port import Observed
from agentos.events.log import Reader
from agentos.events.record import NewEvent
from agentos.events.types import NumberAssigned, NumberVoided
from agentos.workspace.model import InvoiceSettings

MOST_VOIDED = 1000
_LOST = "no document carries it; what became of it was recorded after the backup"


def adopted_numbers(reader: Reader, documents: Sequence[Observed], settings: InvoiceSettings) -> Iterator[NewEvent]:
    """`number.assigned` for each document above the log's last number; a number in between that none carries is voided.

    Numbers that another pattern made can't be read; the invoice system refuses to give one of those twice.
    """
    patterns = {"invoice": settings.pattern, "credit_note": settings.credit_note_pattern}
    for series, pattern in patterns.items():
        last = reader.last(stream=f"number/{series}", types=("number.assigned",))
        numbered = ((parse_number(pattern, one.ref), one) for one in documents if one.kind == series)
        taken = {n: one for n, one in numbered if n is not None and (last is None or n > last.data["number"])}
        if taken:
            yield from _series(series, pattern, taken, last.data["number"] + 1 if last is not None else min(taken))


def _series(series: str, pattern: str, taken: dict[int, Observed], first: int) -> Iterator[NewEvent]:
    few = max(taken) - first < MOST_VOIDED
    for number in range(first, max(taken) + 1) if few else sorted(taken):
        thing = taken.get(number)
        text = thing.ref if thing is not None else _text(pattern, taken, number)
        effect = (thing.key or "") if thing is not None else ""
        yield _on(NumberAssigned(series=series, number=number, text=text, effect=effect), "number")
        if thing is None:
            yield _on(NumberVoided(series=series, number=number, text=text, why=_LOST), "number.voided")


def _text(pattern: str, taken: dict[int, Observed], number: int) -> str:
    """As it would have stood on the document, by the date of the next one that there is."""
    after = taken[min(one for one in taken if one > number)]
    day = date.fromisoformat(str(after.data["issued_on"]))
    return format_number(pattern, day.year, day.month, number)


def _on(fact: NumberAssigned | NumberVoided, family: str) -> NewEvent:
    return fact.on(f"number/{fact.series}", key=f"{family}/{fact.series}/{fact.number}")
