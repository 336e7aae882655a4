"""What a sentence denies: the words its negations fall on, so that a flipped claim is seen."""

from __future__ import annotations

import re
from dataclasses import dataclass

from agentos.capabilities.words import Language, stem, stopword
from agents.text.lexicon import lexicon, opposites
from agents.text.sentences import meaning, overlap, without_citations

_CLAUSE = re.compile(
    r"[,;:–—]|\s-\s|\b(?:and|but|while|whereas|although|because|und|aber|sondern|während|obwohl|weil|denn)\b"
)
_TOKEN = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_NEGATORS: dict[Language, re.Pattern[str]] = {
    "en": re.compile(r"(?:not|no|never|cannot|without|neither|nor|none|hardly|nobody|nothing|\w+n['’]t)", re.I),
    "de": re.compile(r"(?:nicht|nie|niemals|kein\w*|ohne|weder|noch|kaum|nirgends)", re.I),
}


_SAME_CLAUSE = 0.5
"""Share of stems from which on two denying clauses are the same denial, put in other words ("no X is needed")."""


@dataclass(frozen=True)
class Polarity:
    """`denied` and `asserted` are stems (one may be in both), `within` all stems of clauses that deny;
    `sides` are (pair, 0 or 1) of the opposites used."""

    denied: frozenset[str]
    asserted: frozenset[str]
    within: frozenset[str]
    sides: frozenset[tuple[str, int]]


def polarity(sentence: str, language: Language) -> Polarity:
    """English: the first word of meaning after a negator. German: also what is written small before "nicht"."""
    text = without_citations(sentence)
    denied: set[str] = set()
    asserted: set[str] = set()
    within: set[str] = set()
    for clause in _CLAUSE.split(text):
        tokens = _TOKEN.findall(clause)
        hit = _denied(tokens, language)
        within |= meaning(clause, language) if hit else set()
        denied |= {stem(tokens[i].casefold(), language) for i in hit}
        asserted |= {
            stem(token.casefold(), language)
            for i, token in enumerate(tokens)
            if i not in hit and not stopword(token.casefold(), language) and not _NEGATORS[language].fullmatch(token)
        }
    return Polarity(frozenset(denied), frozenset(asserted), frozenset(within), _sides(text))


def contradiction(draft: Polarity, source: Polarity) -> str:
    """What one denies and the other asserts, as a phrase, or "" when they agree."""
    if draft.denied and source.denied and overlap(draft.within, source.within) >= _SAME_CLAUSE:
        return ""
    flipped = (draft.denied & source.asserted - source.denied - draft.asserted) | (
        draft.asserted & source.denied - draft.denied - source.asserted
    )
    if flipped:
        return "one says it and the other denies it (" + ", ".join(sorted(flipped)) + ")"
    if bool(draft.denied) == bool(source.denied):
        for pair, side in sorted(draft.sides):
            other = (pair, 1 - side)
            if other in source.sides and other not in draft.sides and (pair, side) not in source.sides:
                return f"they say opposite things ({pair})"
    return ""


def _denied(tokens: list[str], language: Language) -> set[int]:
    hit: set[int] = set()
    for i, token in enumerate(tokens):
        if not _NEGATORS[language].fullmatch(token):
            continue
        passed = lexicon("negation", "stepped_over")
        small = [word.casefold() for word in tokens]
        following = [
            j for j in range(i + 1, len(tokens)) if not stopword(small[j], language) and small[j] not in passed
        ]
        hit.update(following[:1])
        if language == "de" and token.casefold() in ("nicht", "nie", "niemals", "kaum"):
            hit.update(j for j in range(i) if tokens[j].islower() and not stopword(tokens[j], language))
    return hit


def _sides(text: str) -> frozenset[tuple[str, int]]:
    present = {token.casefold() for token in _TOKEN.findall(text)}
    return frozenset(
        (pair, side) for pair, both in opposites().items() for side in (0, 1) if not present.isdisjoint(both[side])
    )
