"""One slot at a time: either a value that is certain, or the question to ask."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from agentos.intents.amounts import FoundAmount, slot
from agentos.intents.clients import ClientMention, choice
from agentos.intents.dates import FoundDate
from agentos.intents.leftovers import orders_in
from agentos.intents.model import OpenQuestion
from agentos.intents.topics import tidy
from agentos.workspace.model import Business, Client

Filled = tuple[Any, OpenQuestion | None]

_MANY = 12
MOST_QUOTED = 200
"""Characters of what was said that a question repeats."""
_NAME = r"(?P<name>[^\W\d_][^,.;:!?\n\d€$£]{0,60}?)"
_STOP = (
    r"(?= (?:an?|eine?)? ?(?:invoice|bill|rechnung|in rechnung)\b| (?:for|über|for|of|with|mit|für|wegen|by|bis"
    r"|due|net|gross|netto|brutto|the amount|and|und)\b"
    r"| ?[\d€$£]| EUR| USD|[,.;:!?\n]|$)"
)
_UNKNOWN = (
    re.compile(
        rf"\b(?:invoice|bill|rechnung)\b[^.\n]{{0,40}}?\b(?:to|an)\b (?:the |die |den |der )?{_NAME}{_STOP}",
        re.IGNORECASE,
    ),
    re.compile(
        rf"\b(?:invoice|bill|charge|berechne|fakturiere)\b (?:the |der |dem )?(?!an?\b|for\b|to\b|over\b|of\b"
        rf"|eine?\b){_NAME}{_STOP}",
        re.IGNORECASE,
    ),
    re.compile(
        rf"\b(?:send|stell\w*|schick\w*|schreib\w*|sende?|mach\w*) (?:the |der |dem )?(?!an?\b|eine?\b){_NAME}{_STOP}",
        re.IGNORECASE,
    ),
    re.compile(rf"\b(?:invoice|rechnung)\b (?:for|für) (?:the |die |den )?{_NAME}{_STOP}", re.IGNORECASE),
)


def fill_client(clause: str, mentions: Sequence[ClientMention], clients: Mapping[str, Client]) -> Filled:
    """The client an invoice goes to. `mentions` are those of the invoice's clause, or of the whole text when it has
    none."""
    sure = [m for m in mentions if not m.near]
    best = max((m.strength for m in sure), default=0)
    ids = {i for m in sure for i in m.ids}
    if len(ids) == 1:
        return ids.pop(), None
    offered = tuple(choice(clients[i]) for i in sorted(ids))
    if ids and len(sure) == 1:
        return None, OpenQuestion(slot="client", text=f"Which {sure[0].text} do you mean?", choices=offered)
    if ids and best:
        return None, OpenQuestion(
            slot="client", text="More than one client is named. Who gets the invoice?", choices=offered
        )
    return None, _unknown_client(clause, mentions, clients)


def _unknown_client(clause: str, mentions: Sequence[ClientMention], clients: Mapping[str, Client]) -> OpenQuestion:
    near = [i for m in mentions for i in m.ids]
    name = next((m.text for m in mentions if m.near), None) or name_in(clause)
    everyone = list(dict.fromkeys([*near, *sorted(clients)]))[:_MANY]
    choices = tuple(choice(clients[i]) for i in everyone)
    if not name:
        return OpenQuestion(slot="client", text="Who is the invoice for?", choices=choices)
    file = re.sub(r"[^a-z0-9]+", "-", name.casefold()).strip("-") or "name"
    text = f"I don't know {name}. Add clients/{file}.toml, or choose a client."
    return OpenQuestion(slot="client", text=text, choices=choices)


def name_in(clause: str) -> str | None:
    for pattern in _UNKNOWN:
        for match in pattern.finditer(clause):
            name = tidy(match["name"])
            if (
                name
                and len(name.split()) <= 5
                and not re.fullmatch(r"(?:an?|eine?|it|them|him|her|me|us|ihm|ihr|ihnen|the client|client)", name, re.I)
            ):
                return name
    return None


def fill_amount(amounts: Sequence[FoundAmount], business: Business, client: Client | None) -> Filled:
    """The one amount of an invoice. A number without a currency is in the client's, else the business's."""
    home = (client.currency if client else None) or business.currency
    if not amounts:
        return None, OpenQuestion(slot="amount", text=f"How much is the invoice? Say it as in: 1200 {home} net.")
    for found in amounts:
        if found.problem:
            return None, _amount_question(found, home)
    if len(amounts) > 1 and _repeated(amounts):
        text = "An amount is named more than once. How much is the invoice in total?"
        return None, OpenQuestion(slot="amount", text=text)
    distinct = {(found.values[0], found.currency or home, found.basis) for found in amounts}
    bases = {basis for _, _, basis in distinct} - {None}
    if len({(value, currency) for value, currency, _ in distinct}) > 1 or len(bases) > 1:
        choices = tuple(_offer(found, home) for found in amounts[:_MANY])
        text = "More than one amount is named. Which is the invoice's?"
        return None, OpenQuestion(slot="amount", text=text, choices=tuple(dict.fromkeys(choices)))
    basis = bases.pop() if bases else None
    return slot(amounts[0].values[0], amounts[0].currency or home, basis or business.amounts), None


def _repeated(amounts: Sequence[FoundAmount]) -> bool:
    """The same figure twice may be one amount or two parts of one."""
    return len({(found.values[0], found.currency) for found in amounts}) == 1


def _amount_question(found: FoundAmount, home: str) -> OpenQuestion:
    suffix = f" {found.basis}" if found.basis else ""
    choices = tuple(one if one.endswith(("net", "gross")) else one + suffix for one in found.choices)
    currency = found.currency or home
    text = f"“{_short(found.text)}” {found.problem}. How much is the invoice in total, as in: 1200 {currency} net?"
    return OpenQuestion(slot="amount", text=text, choices=choices)


def unsure_amount(value: Mapping[str, str], seen: Sequence[str]) -> OpenQuestion:
    """The question about an amount beside which something stands that may change it; `seen` is quoted."""
    words = ", ".join(f"“{' '.join(one.split())}”" for one in dict.fromkeys(seen))
    text = (
        f"{words}: I can't tell what that makes of the amount. How much is the invoice in total, as in: 1200 "
        f"{value['currency']} net?"
    )
    return OpenQuestion(slot="amount", text=text)  # the figure that was seen is offered as no choice: it is the guess


def _offer(found: FoundAmount, home: str) -> str:
    value: Decimal = found.values[0]
    return f"{value:.2f} {found.currency or home} {found.basis or ''}".strip()


def fill_due(dates: Sequence[FoundDate]) -> Filled:
    """The due date, when one is named; nobody has to name one."""
    due = [found for found in dates if found.due]
    for found in due:
        if found.problem:
            text = (
                f"“{_short(found.text)}” {found.problem}. When is it due, as in: 2026-12-15?"
                " Answer “none” for the usual term."
            )
            return None, OpenQuestion(slot="due", text=text, choices=found.choices)
    days = sorted({str(found.day) for found in due})
    if len(days) > 1:
        return None, OpenQuestion(
            slot="due", text="More than one due date is named. Which one counts?", choices=tuple(days)
        )
    return (days[0] if days else None), None


_ARTICLE = re.compile(r"(?:(?:the|our|die|den|der|das|dem) )?")
_FOR = re.compile(r"\b(?:for|für|wegen|regarding|because of|betreffend|description:|beschreibung:)\s+", re.IGNORECASE)


@dataclass(frozen=True)
class FoundDescription:
    """`text` describes the work; the span holds the "for" before it, too."""

    start: int
    end: int
    text: str


def find_description(
    text: str, clause: tuple[int, int], known: Sequence[tuple[int, int]], stops: Sequence[tuple[int, int]]
) -> FoundDescription | None:
    """What an invoice is for: the words after "for" that are neither the client nor the amount (`known` spans), as far
    as they describe something: an order in them ("..., but ask me first") ends them."""
    for match in _FOR.finditer(text, *clause):
        begin = match.end()
        if _THE_INVOICE.match(text, begin):
            continue
        if any(begin < end and begin <= start and _ARTICLE.fullmatch(text, begin, start) for start, end in known):
            continue
        stop = min((start for start, _ in [*known, *stops] if begin < start < clause[1]), default=clause[1])
        stop = _described(text, begin, stop)
        raw = re.sub(r"\s*\b(?:in rechnung|berechnen)\b.*$", "", text[begin:stop], flags=re.I)
        phrase = tidy(re.sub(r"^(?:the|den|die|das|der|our|unseren?)\s+(?=\w)", "", raw))
        if phrase:
            at = text.find(phrase, begin, stop)
            return FoundDescription(match.start(), at + len(phrase) if at >= 0 else stop, phrase)
    return None


_THE_INVOICE = re.compile(r"(?:(?:the|an?|this|die|eine|diese) )?(?:invoice|bill|rechnung)\b", re.IGNORECASE)


def _described(text: str, begin: int, stop: int) -> int:
    """Where the description ends: before the first order in it, unless that is its first word, and at the first comma
    or bracket, unless a list goes on there ("talks in Berlin, Hamburg and Munich")."""
    pause = _PAUSE.search(text, begin, stop)
    if pause and not _LIST.fullmatch(text[pause.start() : stop].rstrip(" .,")):
        stop = pause.start()
    at = orders_in(text[begin:stop])
    return begin + at if at is not None and _ARTICLE_TAIL.sub("", text[begin : begin + at]).strip() else stop


_PAUSE = re.compile(r",(?!\d)|[;(]|\s[–—-]\s")
_ITEM = r"\s*[^\W\d][\w'’-]*(?: [\w'’-]+){0,2}"
_LIST = re.compile(rf"(?:,{_ITEM}?)+?,? (?:and|und){_ITEM}", re.IGNORECASE)
_ARTICLE_TAIL = re.compile(
    r"^(?:the|an?|our|your|my|die|der|das|den|dem|eine[nrms]?|ein|unsere[nrms]?)\s+", re.IGNORECASE
)


def _short(text: str) -> str:
    """What a question quotes: enough to know it again."""
    return text if len(text) <= MOST_QUOTED else f"{text[:MOST_QUOTED]}…"
