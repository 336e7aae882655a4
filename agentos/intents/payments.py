"""A payment that the operator tells of: "Acme paid 500 EUR on invoice 2026-0012". What is not certain is asked."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from agentos.intents.amounts import find_amounts, with_basis
from agentos.intents.clients import ClientMention
from agentos.intents.dates import find_dates
from agentos.intents.language import Language
from agentos.intents.leftovers import Leftover, leftovers, quoted
from agentos.intents.model import OpenQuestion
from agentos.intents.slots import Filled, fill_amount
from agentos.workspace.model import Business, Client

Span = tuple[int, int]

_NUMBER = re.compile(
    r"\b(?:(?:on|for|against|of|auf|für|zu|zur|the|die|der) ){0,2}(?:invoices?|inv\.?|rechnung(?:en)?|rg\.?)\s?"
    r"(?:(?:no\.?|nr\.?|number|nummer|#)\s?)?(?P<number>[A-Z]{0,6}[-/]?\d[\w/-]*(?:\.\w+)*)",
    re.IGNORECASE,
)
_WHO = r"^(?P<who>[^.!?;\n]{1,80}?)\s"
_SAID = (
    re.compile(rf"{_WHO}(?P<verb>(?:(?:has|have|just|now|already) )*paid)\b", re.IGNORECASE),
    re.compile(rf"{_WHO}(?P<verb>hat)\s[^.!?;\n]*?\b(?P<tail>bezahlt|gezahlt|überwiesen|beglichen)\b", re.IGNORECASE),
    re.compile(
        r"^(?P<verb>(?:(?:we |i )?(?:received|got) )?(?:a |the )?payment (?:received )?(?:from|of|by))\b", re.IGNORECASE
    ),
    re.compile(r"^(?P<verb>(?:zahlung|zahlungseingang)(?: von| über)?)\s", re.IGNORECASE),
    re.compile(
        rf"^(?:the )?{_NUMBER.pattern}\s(?P<verb>(?:is|was|has been|ist|wurde)(?: now)? (?:paid|bezahlt|beglichen))\b",
        re.IGNORECASE,
    ),
)
_NOT_SAID = re.compile(
    r"\?|\b(?:if|when|once|after|until|unless|not|never|nobody|who|what|whether|did|does|should|must|will|would"
    r"|hasn['’]t|haven['’]t|wenn|falls|sobald|nicht|nie|niemand|wer|ob|noch|soll|muss|wird)\b",
    re.IGNORECASE,
)
_YESTERDAY = re.compile(r"\b(?:yesterday|gestern)\b", re.IGNORECASE)
_FILLER = re.compile(r"\b(?:from|by|of|on|von|auf|am|über|in full|vollständig|today|heute)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Told:
    """Where a text tells of a payment: the spans of its verb, and of the invoices it names with their numbers."""

    verbs: tuple[Span, ...]
    numbers: tuple[tuple[Span, str], ...]


def find_payment(text: str, mentions: Sequence[ClientMention]) -> Told | None:
    """None for a text that only speaks of paying: it must name an invoice or a client, and neither ask nor deny."""
    numbers = tuple(((m.start(), m.end()), m["number"].strip("./-")) for m in _NUMBER.finditer(text))
    for pattern in _SAID:
        match = pattern.search(text)
        if match is None or _NOT_SAID.search(text) or not (numbers or any(not m.near for m in mentions)):
            continue
        verbs = [match.span("verb")] + ([match.span("tail")] if "tail" in pattern.groupindex else [])
        return Told(tuple(verbs), numbers)
    return None


def fill_payment(
    text: str,
    told: Told,
    mentions: Sequence[ClientMention],
    *,
    language: Language,
    business: Business,
    clients: Mapping[str, Client],
    now: datetime,
) -> tuple[dict[str, Filled], tuple[str, ...]]:
    """The slots, and what was said and not read. Invoice and client may stay open: the bookkeeper knows which exist."""
    sure = {i for m in mentions if not m.near for i in m.ids}
    client = sure.pop() if len(sure) == 1 else None
    days = _days(text, now, business)
    taken = [*(span for span, _ in told.numbers), *(span for span, _ in days)]
    amounts = find_amounts(text, language=language, home=business.currency, bare_from=told.verbs[0][1], taken=taken)
    known = [*told.verbs, *taken, *(with_basis(text, one) for one in amounts)]
    known += [(m.start, m.end) for m in mentions if client is not None and not m.near]
    known += [match.span() for match in _FILLER.finditer(text)]
    spans = [(one.start, one.end) for one in amounts]
    left = leftovers(text, known, spans, (), (0, len(text)))
    amount: Filled = (None, None)
    if amounts or left:
        amount = _plain(text, fill_amount(amounts, business, clients.get(client or "")), left, spans)
    filled = {"client": (client, None), "amount": amount, "invoice": _one_number(told), "paid_on": _paid_on(days)}
    unread = tuple(" ".join(one.text.split()) for one in left if not (one.figure or one.beside))
    return filled, unread


def _plain(text: str, filled: Filled, left: Sequence[Leftover], spans: Sequence[Span]) -> Filled:
    """The amount, where nothing stands beside it that may change it; otherwise the question how much was paid."""
    seen = [quoted(text, one, spans[0] if spans else None) for one in left if one.figure or one.beside]
    value, question = filled
    if question is None and not seen:
        return filled
    words = ", ".join(f"“{' '.join(one.split())}”" for one in dict.fromkeys(seen))
    why = f"{words}: I can't tell what that makes of the amount. " if words else ""
    choices = question.choices if question is not None else ()
    currency = value["currency"] if value else "EUR"
    asked = f"{why}How much was paid in total, as in: 500 {currency}?"
    return None, OpenQuestion(slot="amount", text=asked, choices=choices)


def _one_number(told: Told) -> Filled:
    numbers = tuple(dict.fromkeys(number for _, number in told.numbers))
    if len(numbers) > 1:
        text = "One payment is booked at a time. Which invoice is this one for?"
        return None, OpenQuestion(slot="invoice", text=text, choices=numbers)
    return (numbers[0] if numbers else None), None


def _days(text: str, now: datetime, business: Business) -> list[tuple[Span, str]]:
    """Days named in the text, as ISO dates, or "" where one can't be fixed. One without a year lies behind us."""
    today = now.astimezone(ZoneInfo(business.timezone)).date()
    found = [(match.span(), str(today - timedelta(1))) for match in _YESTERDAY.finditer(text)]
    for one in find_dates(text, now=now, timezone=business.timezone):
        day = one.day
        if day is not None and day > today and str(day.year) not in one.text:
            day = _last_time(day)
        found.append(((one.start, one.end), str(day) if day is not None else ""))
    return found


def _last_time(day: date) -> date | None:
    try:
        return day.replace(year=day.year - 1)
    except ValueError:  # 29 February
        return None


def _paid_on(days: Sequence[tuple[Span, str]]) -> Filled:
    named = {day for _, day in days}
    if not named:
        return None, None
    if len(named) > 1 or "" in named:
        return None, OpenQuestion(slot="paid_on", text="On which day was it paid, as in: 2026-11-20?")
    return named.pop(), None
