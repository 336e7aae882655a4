"""Which of the known questions a text asks, about which client, days or task. Pure, by rules, and never by half."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from agentos.intents.asking import ASKS, CLIENT, POLITE, TASK, TRAILING, Kind, Language, forms
from agentos.intents.clients import ClientMention, choice, find_clients
from agentos.intents.model import OpenQuestion, Understanding
from agentos.intents.periods import Period, find_periods
from agentos.workspace.model import Business, Client

_MOST = 300
"""Characters of a text that may be one question."""
_POSSESSIVE = re.compile(r"(?<=\w)['’]s\b")
_TASK = re.compile(
    r"\b(?:(?<=task )|(?<=aufgabe ))[0-9a-f][0-9a-f-]{3,35}\b|\b(?=[a-f-]*\d)[0-9a-f]{8}(?:[0-9a-f-]{0,28})\b"
)
_NAME = re.compile(
    r"\b(?:does|do|has|by|schuldet(?: mir| uns)?|bei|von|gegen) "
    r"(?P<name>(?!(?:I|We|You)\b)[A-ZÄÖÜ][\w&.-]*(?: [A-ZÄÖÜ][\w&.-]*){0,3})"
)
_BEFORE = re.compile(rf"\b(?:the |die |den |dem |der )(?={CLIENT})")


@dataclass(frozen=True)
class Asked:
    """A question as it was understood. `client` is an id, or a question where the text names none that is known."""

    kind: Kind
    language: Language
    client: str | OpenQuestion | None = None
    period: Period | None = None
    task: str | None = None

    @property
    def days(self) -> tuple[date, date] | None:
        return (self.period.first, self.period.last) if self.period else None


def find_question(text: str, *, business: Business, clients: Mapping[str, Client], now: datetime) -> Asked | None:
    """None when the text is no question, or none that these rules read to its last word."""
    text = " ".join(_POSSESSIVE.sub(" ’s", text).split())
    if len(text) > _MOST or not (text.endswith("?") or ASKS.match(text.casefold())):
        return None
    mentions, periods = find_clients(text, clients), find_periods(text, now=now, timezone=business.timezone)
    mentions = tuple(m for m in mentions if not any(p.start <= m.start < p.end for p in periods))
    tasks = list(_TASK.finditer(text))
    if len(periods) > 1 or len(mentions) > 1 or len(tasks) > 1:
        return None
    client = _client(mentions, clients)
    if (
        not mentions
        and (named := _NAME.search(text))
        and not any(p.start <= named.start("name") < p.end for p in periods)
    ):
        client = _unknown(named["name"], (), clients)
        found = _matched(text, [(named.start("name"), named.end("name"), CLIENT)], periods)
        if found is not None:
            return Asked(found[0], found[1], client, periods[0] if periods else None)
    marks = [(m.start, m.end, CLIENT) for m in mentions] + [(t.start(), t.end(), TASK) for t in tasks]
    found = _matched(text, marks, periods)
    if found is None:
        return None
    kind, language = found
    task = tasks[0].group() if tasks else None
    return Asked(kind, language, client if mentions else None, periods[0] if periods else None, task)


def _matched(
    text: str, marks: Sequence[tuple[int, int, str]], periods: Sequence[Period]
) -> tuple[Kind, Language] | None:
    plain = _plain(text, [*marks, *((one.start, one.end, "") for one in periods)])
    return next(((kind, language) for language, kind, form in forms() if form.fullmatch(plain)), None)


def _plain(text: str, marks: Sequence[tuple[int, int, str]]) -> str:
    """Lower case, without punctuation and politeness, with marks in the place of what was found."""
    for start, end, mark in sorted(marks, reverse=True):
        text = f"{text[:start]} {mark} {text[end:]}"
    words = re.sub(r"[^\w@ -]", " ", text.casefold().replace("what's", "what is").replace("what’s", "what is"))
    words = " ".join(words.split())
    words = re.sub(r"^(what|who) s (?=[\w@])", r"\1 is ", _BEFORE.sub("", words))
    return TRAILING.sub("", POLITE.sub("", words))


def _client(mentions: Sequence[ClientMention], clients: Mapping[str, Client]) -> str | OpenQuestion | None:
    if not mentions:
        return None
    one = mentions[0]
    if one.near:
        return _unknown(one.text, one.ids, clients)
    if len(one.ids) == 1:
        return one.ids[0]
    offered = tuple(choice(clients[identity]) for identity in one.ids)
    return OpenQuestion(slot="client", text=f"Which {one.text} do you mean?", choices=offered)


def _unknown(name: str, near: Sequence[str], clients: Mapping[str, Client]) -> OpenQuestion:
    known = list(dict.fromkeys([*near, *sorted(clients)]))[:12]
    choices = tuple(choice(clients[identity]) for identity in known)
    return OpenQuestion(slot="client", text=f"I don't know {name}. Which client do you mean?", choices=choices)


def only_asked(found: Understanding, text: str, *, business: Business, clients: Mapping[str, Client]) -> Understanding:
    """What is understood where only a question may be meant (`agentos ask`): nothing else is done, whatever the words
    say. A question that the rules do not know keeps the client it names; whose data it is does not depend on rules."""
    if found.workflow == "answer-question":
        return found
    ids = {identity for m in find_clients(text, clients) if not m.near for identity in m.ids}
    slots = {"client": ids.pop()} if len(ids) == 1 else {}
    language = found.language if found.language != "unknown" else "de" if business.language.startswith("de") else "en"
    return found.model_copy(
        update={
            "workflow": "answer-question", "slots": slots, "questions": (), "unread": (), "language": language,
        }
    )  # fmt: skip
