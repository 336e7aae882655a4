"""Understanding by rules: pure functions of the text, the business, the clients and the time. A model is asked only
after."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Literal

from agentos.intents.amounts import FoundAmount, find_amounts, with_basis
from agentos.intents.clients import ClientMention, find_clients
from agentos.intents.dates import FoundDate, find_dates
from agentos.intents.language import Language, detect
from agentos.intents.leftovers import Leftover, counted, counts, leftovers, no_issue, orders, orders_in, quoted
from agentos.intents.model import OpenQuestion, Understanding, Workflow
from agentos.intents.parts import find_parts
from agentos.intents.payments import Told, fill_payment, find_payment
from agentos.intents.queries import slots_of
from agentos.intents.questions import Asked, find_question
from agentos.intents.slots import (
    Filled,
    FoundDescription,
    fill_amount,
    fill_client,
    fill_due,
    find_description,
    name_in,
    unsure_amount,
)
from agentos.intents.text import clean
from agentos.intents.topics import LONGEST, between, title, topic
from agentos.intents.urls import FoundUrl, find_urls
from agentos.intents.workflows import Parts, Span, clause_end
from agentos.workspace.model import Business, Client

_GOAL = 200
_CONFIDENTIAL = re.compile(r"\b(?:confidential(?:ly)?|in confidence|under nda|vertraulich\w*)\b", re.IGNORECASE)
_UNPUBLISHED = re.compile(
    r"\b(?:without publishing|(?:don['’]t|do not|never|not to) publish|not (?:yet )?published|draft only|only a draft"
    r"|ohne (?:es |ihn )?zu veröffentlichen|nicht (?:\w+ )?veröffentlich\w*|nur (?:als |ein(?:en)? )?entwurf)\b",
    re.IGNORECASE,
)
_LOW = re.compile(
    r"\b(?:no rush|no hurry|not urgent|isn['’]t urgent|when(?:ever)? you (?:have|find) (?:the )?time|overnight"
    r"|low priority|keine eile|eilt nicht|nicht (?:so )?"
    r"(?:dringend|eilig)|irgendwann|über nacht|bei gelegenheit)\b",
    re.IGNORECASE,
)
_HIGH = re.compile(
    r"\b(?:urgent(?:ly)?|asap|immediately|right away|right now|as soon as possible|dringend|sofort|eilt|eilig"
    r"|so schnell wie möglich|umgehend)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Read:
    """Everything the small readers found in one text."""

    text: str
    language: Language
    mentions: tuple[ClientMention, ...]
    amounts: tuple[FoundAmount, ...]
    dates: tuple[FoundDate, ...]
    urls: tuple[FoundUrl, ...]
    parts: Parts
    paid: Told | None = None


def understand(text: str, *, business: Business, clients: Mapping[str, Client], now: datetime) -> Understanding:
    """What the operator asks for. Raises IntentRejected for an empty or over-long text and nothing else: record the raw
    text before calling. What is not certain is a question; a text in another language is understood as far as names,
    amounts and dates go, and its goal is asked for."""
    read = _read(clean(text), business, clients, now)
    asked = find_question(read.text, business=business, clients=clients, now=now)
    if asked is not None and read.parts.workflow in (None, "record-payment"):  # "Has Acme paid?" reports no payment
        return _question(read, asked, business, clients, now)
    filled, unread = _fill(read, business, clients, now)
    if unread is None:
        filled, read = {}, replace(read, parts=Parts(None))
    slots = {name: value for name, (value, question) in filled.items() if question is None and value is not None}
    questions = tuple(question for _, question in filled.values() if question is not None)
    if read.parts.workflow is None and (read.language == "unknown" or not re.search(r"[^\W\d_]{2}", read.text)):
        questions += (_goal_question(),)
    return Understanding(
        goal=_goal(read.text),
        workflow=_workflow(read),
        slots=slots,
        questions=questions,
        sensitivity=sensitivity(read.text, read.mentions, clients),
        urgency=_urgency(read.text),
        language=read.language,
        unread=unread or (),
    )


def _question(
    read: Read, asked: Asked, business: Business, clients: Mapping[str, Client], now: datetime
) -> Understanding:
    """A question about the business. Without the client it names, the query waits for the answer (`with_client`)."""
    open_client = asked.client if isinstance(asked.client, OpenQuestion) else None
    return Understanding(
        goal=_goal(read.text),
        workflow="answer-question",
        slots=slots_of(asked, now=now, timezone=business.timezone),
        questions=(open_client,) if open_client else (),
        sensitivity=sensitivity(read.text, read.mentions, clients),
        urgency=_urgency(read.text),
        language=asked.language,
    )


def _read(text: str, business: Business, clients: Mapping[str, Client], now: datetime) -> Read:
    language, urls = detect(text), find_urls(text)
    dates = find_dates(text, now=now, timezone=business.timezone)
    taken = [(one.start, one.end) for one in urls] + [(one.start, one.end) for one in dates]
    mentions = tuple(m for m in find_clients(text, clients) if not any(a <= m.start < b for a, b in taken))
    money = find_amounts(text, language=language, home=business.currency, taken=taken)
    facts = [(m.start, m.end) for m in mentions] + [(a.start, a.end) for a in money]
    parts = find_parts(text, facts)
    amounts: tuple[FoundAmount, ...] = ()
    if parts.invoice:
        amounts = _invoice_amounts(text, parts.invoice, language, business, taken)
    paid = find_payment(text, mentions) if parts.post is None and parts.research is None else None
    if paid is not None and not _passes_as_invoice(parts, paid):
        parts = Parts("record-payment")
    return Read(text, language, mentions, amounts, dates, urls, parts, paid)


def _invoice_amounts(
    text: str, clause: Span, language: Language, business: Business, taken: Sequence[Span]
) -> tuple[FoundAmount, ...]:
    """The amounts of the invoice's clause; of the whole text when it names none ("The fee is 500 EUR. Invoice
    Acme")."""
    found = find_amounts(text, language=language, home=business.currency, bare_from=clause[0], taken=taken)
    return tuple(one for one in found if clause[0] <= one.start < clause[1]) or found


def _passes_as_invoice(parts: Parts, paid: Told) -> bool:
    """Whether the text asks for an invoice as well: not where that is only the invoice that was paid."""
    return parts.invoice is not None and not any(start <= parts.invoice[0] < end for (start, end), _ in paid.numbers)


def _fill(
    read: Read, business: Business, clients: Mapping[str, Client], now: datetime
) -> tuple[dict[str, Filled], tuple[str, ...] | None]:
    """The slots, and what was said about an invoice and not read; None: what is wanted is no new invoice."""
    filled: dict[str, Filled] = {}
    unread: tuple[str, ...] | None = ()
    parts = read.parts
    if parts.workflow == "record-payment" and read.paid is not None:
        return fill_payment(
            read.text, read.paid, read.mentions, language=read.language, business=business, clients=clients, now=now
        )
    if parts.workflow in ("publish-post", "produce-and-invoice"):
        filled["topic"] = _topic(read, "What should the post be about?")
        filled["title"] = title(read.text), None
    elif parts.workflow == "research-brief":
        filled["topic"] = _topic(read, "What should the brief be about?")
    if parts.invoice:
        invoice, unread = _invoice(read, parts.invoice, business, clients, filled.get("topic", (None, None))[0])
        filled.update(invoice)
    if read.urls:
        filled["urls"] = list(dict.fromkeys(one.url for one in read.urls)), None
    return filled, unread


def _invoice(
    read: Read, clause: Span, business: Business, clients: Mapping[str, Client], about: str | None
) -> tuple[dict[str, Filled], tuple[str, ...] | None]:
    here = [m for m in read.mentions if clause[0] <= m.start < clause[1]]
    described = _description(read, clause)
    addressed = _addressees(read.text, here) or here or list(read.mentions)
    client = fill_client(read.text[clause[0] : clause[1]], addressed, clients)
    known = clients.get(client[0] or "")
    left = _left(read, clause, described, about, client[1])
    if no_issue(left):
        return {}, None
    amounts = [_beside(one, described) for one in read.amounts]
    filled = {
        "client": client,
        "amount": _plain_amount(fill_amount(amounts, business, known), read, left, described),
        "due": fill_due([_unclear_due(read.text, day, left) for day in read.dates]),
    }
    if described is None and read.parts.workflow == "send-invoice":
        filled["description"] = None, OpenQuestion(slot="description", text="What is the invoice for?")
    else:
        filled["description"] = described.text if described else None, None
    return filled, _unread(read, left, described, business, known)


def _left(
    read: Read, clause: Span, described: FoundDescription | None, about: str | None, unknown: OpenQuestion | None
) -> list[Leftover]:
    """What nobody has read: of the invoice's clause, or of everything where nothing else is asked for."""
    text, post = read.text, read.parts.post
    amounts = [with_basis(text, one) for one in read.amounts]
    known = [*amounts, *[(u.start, u.end) for u in read.urls], *[_name_span(m) for m in read.mentions]]
    known += [(d.start, d.end) for d in read.dates if d.due]
    known += [(described.start, described.end)] if described else []
    if unknown is not None and not read.mentions and (name := name_in(text[clause[0] : clause[1]])):
        at = text.find(name, clause[0])
        known += [(at, at + len(name))] if at >= 0 else []
    days = [(d.start, d.end) for d in read.dates if not d.due and not re.match(r"\d+ [^\W\d]+$", d.text)]
    if post is None:
        return list(leftovers(text, known, amounts, days, (0, len(text))))
    known.append((post.start(), _post_end(read, post, about)))
    outside = [(0, clause[0]), (clause[1], len(text))]
    return [
        *leftovers(text, known, amounts, days, clause),
        *(one for span in outside for one in orders(text, known, span)),
    ]


def _name_span(mention: ClientMention) -> Span:
    """Without a last word that counts: in "Acme Studio Stundensatz" it is no part of a name."""
    head, _, last = mention.text.rpartition(" ")
    return mention.start, mention.end - (len(last) if mention.near and head and counts(last) else 0)


def _post_end(read: Read, post: re.Match[str], about: str | None) -> int:
    at = read.text.find(about, post.end()) if about else -1
    return at + len(about or "") if at >= 0 else post.end()


def _beside(found: FoundAmount, described: FoundDescription | None) -> FoundAmount:
    """ "for phase 4 500 EUR": the first group of figures may belong to the description."""
    if described is None or found.problem or found.start - described.end not in (0, 1):
        return found
    groups = re.findall(r"\d+", found.text)
    if not re.search(r"\d \d", found.text) or len(groups) < 2:
        return found
    return replace(found, problem="can be read two ways")


def _unclear_due(text: str, day: FoundDate, left: Sequence[Leftover]) -> FoundDate:
    """A date right behind words that nobody has read may be part of what they say ("2% off if paid within 10 days")."""
    for one in left:
        if day.due and one.end <= day.start and not text[one.end : day.start].strip():
            return replace(day, day=None, problem=f"stands behind “{one.text}”")
    return day


def _unread(
    read: Read,
    left: Sequence[Leftover],
    described: FoundDescription | None,
    business: Business,
    client: Client | None,
) -> tuple[str, ...]:
    """What a card must quote. What only made the amount a question is answered with it."""
    kept = [
        " ".join(one.text.split()) for one in left if not (one.figure or one.beside) or orders_in(one.text) is not None
    ]
    if described and orders_in(described.text) is not None:
        kept.append(described.text)
    for found in read.amounts:
        _, end = with_basis(read.text, found)
        rate = re.search(r"(\d+) ?%", read.text[found.end : end])
        if rate and Decimal(rate[1]) != _usual_rate(business, client):
            kept.append(read.text[found.end : end].strip(" ,("))
    return tuple(dict.fromkeys(kept))


def _usual_rate(business: Business, client: Client | None) -> Decimal | None:
    if client is None or client.vat != "standard" or business.small_business:
        return None
    return client.vat_rate if client.vat_rate is not None else business.vat_rate


def _plain_amount(filled: Filled, read: Read, left: Sequence[Leftover], described: FoundDescription | None) -> Filled:
    """The amount, where nothing stands with it that may change it; otherwise a question that names what was seen."""
    value, question = filled
    if question is not None:
        return filled
    span = (read.amounts[0].start, read.amounts[0].end) if read.amounts else None
    seen = [quoted(read.text, one, span) for one in left if one.figure or one.beside]
    if described and counted(described.text):
        seen.append(described.text)
    if not seen:
        return filled
    return None, unsure_amount(value, seen)


def _addressees(text: str, mentions: list[ClientMention]) -> list[ClientMention]:
    """Of several named clients, nobody is picked by position: only repeated mentions of one are merged."""
    return mentions if len({m.ids for m in mentions}) > 1 else mentions[:1]


def _description(read: Read, clause: Span) -> FoundDescription | None:
    known = [(m.start, m.end) for m in read.mentions] + [(a.start, a.end) for a in read.amounts]
    stops = [(d.start, d.end) for d in read.dates if d.due] + [(u.start, u.end) for u in read.urls]
    return find_description(read.text, clause, known, stops)


def _topic(read: Read, question: str) -> Filled:
    found = _topic_of_post(read) or _topic_of_research(read) or title(read.text)
    if found and len(found) <= LONGEST:
        return found, None
    text = f"{question} Say it in one line." if found else question
    return None, OpenQuestion(slot="topic", text=text)


def _topic_of_post(read: Read) -> str | None:
    post = read.parts.post
    if post is None:
        return None
    end = _end(read, post.end())
    return topic(read.text, post.end(), end, stops=_stops(read)) or between(post.groupdict().get("gap"))


def _topic_of_research(read: Read) -> str | None:
    research = read.parts.research
    if research is None:
        return None
    return topic(read.text, research.end(), _end(read, research.end()), stops=_stops(read), direct=True)


def _end(read: Read, start: int) -> int:
    """Where the part that begins at `start` ends: its sentence, or the next part of the request."""
    others = [match.start() for match in (read.parts.post, read.parts.research) if match and match.start() > start]
    invoice = [read.parts.invoice[0]] if read.parts.invoice and read.parts.invoice[0] >= start else []
    return min([clause_end(read.text, start), *others, *invoice])


def _stops(read: Read) -> list[Span]:
    addressed = [
        (match.start(), m.end)
        for m in read.mentions
        if (
            match := re.search(
                r"\s*\b(?:for|für|and invoice|und)\s+(?:the |die |den )?$", read.text[: m.start], re.IGNORECASE
            )
        )
    ]
    return [(d.start, d.end) for d in read.dates if d.due] + [(u.start, u.end) for u in read.urls] + addressed


def _workflow(read: Read) -> Workflow | None:
    """No recipe for a post ends before publishing: a request that forbids it goes to the planner, slots and all."""
    return None if read.parts.post and _UNPUBLISHED.search(read.text) else read.parts.workflow


def sensitivity(
    text: str, mentions: Iterable[ClientMention], clients: Mapping[str, Client]
) -> Literal["normal", "confidential"]:
    """Of one text of the operator's: by its words, and by the clients it may mean."""
    named = any(clients[i].confidential for m in mentions for i in m.ids)
    return "confidential" if named or _CONFIDENTIAL.search(text) else "normal"


def _urgency(text: str) -> Literal["low", "normal", "high"]:
    return "low" if _LOW.search(text) else "high" if _HIGH.search(text) else "normal"


def _goal(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _GOAL else line[: _GOAL - 1].rstrip() + "…"


def _goal_question() -> OpenQuestion:
    text = "I understand English and German. What should I do? / Ich verstehe Englisch und Deutsch. Was soll ich tun?"
    return OpenQuestion(slot="goal", text=text)
