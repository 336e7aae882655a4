"""The words that say what something is about: the topic of a post, the subject of a brief, what an invoice is for."""

from __future__ import annotations

import re
from collections.abc import Sequence

from agentos.intents.words import word_set

Span = tuple[int, int]

_ABOUT = re.compile(
    r"\b(?:about|regarding|concerning|on the (?:subject|topic) of|zum thema|über das thema|über|rund um)\b:?\s+",
    re.IGNORECASE,
)
_ABOUT_WEAK = re.compile(r"(?:\b(?:on|zu|zur|zum|into)\b:?|:)\s+", re.IGNORECASE)
_DIRECT = re.compile(r"\s*(?!(?:on|zu|zur|zum|into|about|me|us)\b)(?=[\w„“\"])", re.IGNORECASE)
_TITLE = re.compile(
    r"\b(?:titled|entitled|called|with the title|mit dem titel"
    r"|namens)\s*:?\s*[\"“„«'](?P<title>[^\"”“»'\n]{3,150})[\"”“»']",
    re.IGNORECASE,
)
_CUT = re.compile(
    r"[,;(]?\s*\b(?:this is |it is |es ist )?(?:not |nicht (?:so )?)?"
    r"(?:asap|as soon as possible|right away|urgently|urgent|immediately|this is confidential|no rush|overnight"
    r"|so schnell wie möglich|dringend|eilig|sofort|vertraulich|keine eile|über nacht|based on"
    r"|using (?:only )?(?:the|my|our) (?:own )?(?:pages?|notes|sources|sites?|knowledge)|without publishing"
    r"|and (?:then )?publish(?: it)?|und (?:dann )?veröffentliche"
    r"|without an? invoice|ohne rechnung"
    r"|(?:but )?(?:don['’]t|do not) \w+|but no |aber (?:keine|nicht))\b.*$",
    re.IGNORECASE | re.DOTALL,
)
_TAIL = re.compile(
    r"(?:[\s,;:–—(-]+|\b(?:and|then|also|please|for|by|until|using|based on|from|see|read|with|due|und|dann"
    r"|bitte|für|bis|nach|siehe|anhand|von|sowie"
    r"|on|at|schreiben|verfassen|erstellen|veröffentlichen|for our blog|on my (?:site|blog))|[.!?]+)$",
    re.IGNORECASE,
)
_TRAILING_QUOTES = "\"'“”„«»‚’` "
_PRONOUN = word_set(
    """
    it this that them these those he she something anything das es dies diese davon daraus darüber etwas dazu
    """
)
_FILLER = word_set(
    """
    a an the new short long good quick brief nice great another next one two some me us our my your blog weekly
    detailed draft first ein einen eine neuen kurzen langen guten nächsten weiteren ausführlichen friendly
    500-word 800-word 1000-word
    """
)
LONGEST = 300


def topic(text: str, start: int, end: int, *, stops: Sequence[Span] = (), direct: bool = False) -> str | None:
    """What follows "about" (with `direct` also what follows at once: "research noise") between `start` and `end`,
    cut at the first of `stops` (due dates, addresses, clients after
    "for") that lies in it. None when the text does not say, or says only "it"."""
    segment = text[start:end]
    match = _ABOUT.search(segment) or (_DIRECT.match(segment) if direct else None) or _ABOUT_WEAK.search(segment)
    if not match:
        return None
    begin = start + match.end()
    stop = min((a for a, b in stops if begin < a < end), default=end)
    if any(a <= begin < b for a, b in stops):
        return None
    return tidy(text[begin:stop])


def tidy(raw: str) -> str | None:
    """A phrase without the connecting words around it; None when nothing but a pronoun is left."""
    phrase = _CUT.sub("", " ".join(raw.split()))
    before = None
    while before != phrase:
        before, phrase = phrase, _TAIL.sub("", phrase).rstrip()
    phrase = phrase.strip(_TRAILING_QUOTES).strip()
    if len(phrase) < 2 or phrase.casefold() in _PRONOUN or not re.search(r"\w", phrase):
        return None
    return phrase


def title(text: str) -> str | None:
    match = _TITLE.search(text)
    return match["title"].strip() if match else None


def between(gap: str | None) -> str | None:
    """ "a heat pump" in "write a heat pump article": the words before the noun, when they are more than an
    adjective."""
    words = (gap or "").split()
    while words and (words[0].casefold() in _FILLER or re.fullmatch(r"\d[\w-]*", words[0])):
        words.pop(0)
    return " ".join(words) if words and not words[0].casefold().startswith(("invoice", "rechnung")) else None
