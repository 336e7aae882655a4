"""Understanding by rules: pure functions of the text, the business, the clients and the time. A model is asked only
after."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from agentos.intents.amounts import FoundAmount, find_amounts
from agentos.intents.clients import ClientMention, find_clients
from agentos.intents.dates import FoundDate, find_dates
from agentos.intents.language import Language, detect
from agentos.intents.model import OpenQuestion, Understanding, Workflow
from agentos.intents.parts import find_parts
from agentos.intents.slots import Filled, fill_amount, fill_client, fill_due, find_description
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


def understand(text: str, *, business: Business, clients: Mapping[str, Client], now: datetime) -> Understanding:
    """What the operator asks for. Raises IntentRejected for an empty or over-long text and nothing else: record the raw
    text before calling. What is not certain is a question; a text in another language is understood as far as names,
    amounts and dates go, and its goal is asked for."""
    read = _read(clean(text), business, clients, now)
    filled = _fill(read, business, clients)
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
    return Read(text, language, mentions, amounts, dates, urls, parts)


def _invoice_amounts(
    text: str, clause: Span, language: Language, business: Business, taken: Sequence[Span]
) -> tuple[FoundAmount, ...]:
    """The amounts of the invoice's clause; of the whole text when it names none ("The fee is 500 EUR. Invoice
    Acme")."""
    found = find_amounts(text, language=language, home=business.currency, bare_from=clause[0], taken=taken)
    return tuple(one for one in found if clause[0] <= one.start < clause[1]) or found


def _fill(read: Read, business: Business, clients: Mapping[str, Client]) -> dict[str, Filled]:
    filled: dict[str, Filled] = {}
    parts = read.parts
    if parts.workflow in ("publish-post", "produce-and-invoice"):
        filled["topic"] = _topic(read, "What should the post be about?")
        filled["title"] = title(read.text), None
    elif parts.workflow == "research-brief":
        filled["topic"] = _topic(read, "What should the brief be about?")
    if parts.invoice:
        filled.update(_invoice(read, parts.invoice, business, clients))
    if read.urls:
        filled["urls"] = list(dict.fromkeys(one.url for one in read.urls)), None
    return filled


def _invoice(read: Read, clause: Span, business: Business, clients: Mapping[str, Client]) -> dict[str, Filled]:
    here = [m for m in read.mentions if clause[0] <= m.start < clause[1]]
    described = _description(read, clause)
    addressed = _addressees(read.text, here) or here or list(read.mentions)
    client = fill_client(read.text[clause[0] : clause[1]], addressed, clients)
    filled = {
        "client": client,
        "amount": fill_amount(read.amounts, business, clients.get(client[0] or "")),
        "due": fill_due(read.dates),
    }
    if described is None and read.parts.workflow == "send-invoice":
        filled["description"] = None, OpenQuestion(slot="description", text="What is the invoice for?")
    else:
        filled["description"] = described, None
    return filled


def _addressees(text: str, mentions: list[ClientMention]) -> list[ClientMention]:
    """Of several named clients, nobody is picked by position: only repeated mentions of one are merged."""
    return mentions if len({m.ids for m in mentions}) > 1 else mentions[:1]


def _description(read: Read, clause: Span) -> str | None:
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
