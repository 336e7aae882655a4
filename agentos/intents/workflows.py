"""Which known workflow a text asks for, and where in the text its parts stand."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from agentos.intents.model import Workflow

Span = tuple[int, int]

_JOIN = r"(?:\b(?:and|then|also|please|und|dann|danach|bitte|anschließend|sowie)(?= )|&)"
_START = (
    rf"(?:^|(?<=[.!?;:,\n])|{_JOIN})\s*(?:(?:then|also|please|i want you to|can you|could you|dann|bitte|danach) )*"
)
_NOT = re.compile(
    r"(?:\bdon['’]?t|\bdo not|\bwithout(?: an?)?|\bno|\bnot|\bnever|\bohne(?: eine?)?|\bkeine?n?|\bnicht)"
    r"\s+(?:to |zu |yet |noch |(?:write|send|publish) (?:an? )?)?$",
    re.IGNORECASE,
)
_NEGATED_LATER = re.compile(r"\b(?:no|keine|not an|nicht)\s+(?:invoice|bill|rechnung|in rechnung)$", re.IGNORECASE)
_INVOICE = re.compile(
    rf"{_START}(?P<verb>(?:invoice|bill|charge)\b"
    r"|(?:send|write|issue|make|create|prepare|raise|draft) (?:(?!\b(?:post|article|about"
    r"|on)\b)[^.!?\n]){0,80}?\b(?:invoice|bill)\b"
    r"|(?:stell|schick|schreib|send|erstell|mach|leg)\w* (?:(?!beitrag|artikel"
    r"|post)[^!?\n]){0,160}?\b(?:in rechnung|rechnung)\b"
    r"|(?!und |dann )(?:(?!beitrag|artikel|post)[^!?\n]){1,120}? (?:in rechnung stellen|berechnen)\b"
    r"|(?:berechne|fakturiere|rechnung an|rechnung für|eine rechnung an|an invoice (?:to|for))\b)",
    re.IGNORECASE,
)
_MAKE = r"(?:produce|write|create|draft|publish|make|prepare|compose|do|need|want|post)"
_NOUN = r"(?:blog ?posts?|blog entry|blog articles?|articles?|posts?)"
_POST_EN = re.compile(
    rf"\b{_MAKE}\b(?P<gap>(?: (?!about\b|on\b|and\b)[\w'’-]+){{0,8}}?) {_NOUN}\b|\b(?:blog ?post|blog article)\b"
    rf"|^(?:post|article)\b(?= ?:| about| on)|\bblog\b(?= about)",
    re.IGNORECASE,
)
_POST_DE = re.compile(
    r"\bblog-?\s?(?:beitrag|beiträge|post|artikel|eintrag)s?\b|\beinen (?P<gap>(?:[\w-]+ )?)(?:artikel|beitrag"
    r"|post)\b|^(?:artikel|beitrag)\b",
    re.IGNORECASE,
)
_RESEARCH = re.compile(
    r"\bresearch(?: brief| note| memo)?\b|\b(?:brief|briefing)\b(?= (?:me )?(?:on|about|über|zu))"
    r"|\bwhat do (?:we|i|you) (?:already )?know\b|\bwhat(?: is|['’]s) known\b|\bsummari[sz]e what (?:we"
    r"|i) know\b|\bfind out\b"
    r"|\bdossier\b|\b(?:kurz)?recherche\b|\brecherchier\w*|\bwas (?:wissen|weiß|weiss) (?:wir|ich)\b|\bfinde? heraus\b",
    re.IGNORECASE,
)
_OWN_TASK = re.compile(
    r"(?:\band|\bthen|\bund|\bdann|[,;.])\s+(?:\w+ )?(?:produce|write|create|draft|publish|prepare|compose|post"
    r"|schreib\w*|erstell\w*|verfass\w*|veröffentlich\w*|mach\w*|produzier\w*)\b[^.!?]*$",
    re.IGNORECASE,
)
_ABBREVIATION = re.compile(
    r"\b(?:ltd|inc|co|corp|no|nr|dr|mr|mrs|b\.v|e\.k|e\.v|u\.a|z\.b|ca|zzgl|mwst|ust|tsd|mio|std|inkl|exkl|excl|incl|max|bzw|vs|e\.g|i\.e|d\.h|approx|etc|\d{1,2})$",
    re.I,
)


@dataclass(frozen=True)
class Parts:
    """`post` and `research` are where the text asks for them; `invoice` is the span that speaks about the invoice."""

    workflow: Workflow | None
    post: re.Match[str] | None = None
    research: re.Match[str] | None = None
    invoice: Span | None = None


def invoice_clauses(text: str) -> Iterator[Span]:
    """Spans that may ask for an invoice: from the verb to the end of the sentence."""
    for match in _INVOICE.finditer(text):
        phrase = text[: match.end()]
        if not _NOT.search(text[: match.start("verb")]) and not _NEGATED_LATER.search(phrase):
            yield match.start(), clause_end(text, match.end())


def clause_end(text: str, start: int) -> int:
    """The end of the sentence `start` stands in. A point in a number, a date or an abbreviation ends none, unless a
    capital follows a year."""
    for match in re.finditer(r"[!?\n]|\.(?=\s|$)", text[start:]):
        at = start + match.start()
        if match.group() != "." or not _ABBREVIATION.search(text[max(0, at - 12) : at]):
            return at
    return len(text)


def find_post(text: str) -> re.Match[str] | None:
    matches = sorted([*_POST_EN.finditer(text), *_POST_DE.finditer(text)], key=lambda m: (m.start(), -m.end()))
    return next((m for m in matches if not _NOT.search(text[: m.start()])), None)


def find_research(text: str) -> re.Match[str] | None:
    return next((m for m in _RESEARCH.finditer(text) if not _NOT.search(text[: m.start()])), None)


def own_task(text: str, clause: Span, post: re.Match[str]) -> int | None:
    """Where a post asked for inside an invoice's sentence begins ("..., and write a post"); None: it is what is
    billed."""
    found = _OWN_TASK.search(text[clause[0] : post.end()])
    return clause[0] + found.start() if found and found.start() > 0 else None
