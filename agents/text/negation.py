"""What a sentence denies: the words its negations fall on, so that a flipped claim is seen."""

from __future__ import annotations

import re
from dataclasses import dataclass

from agentos.capabilities.words import Language, stem, stopword
from agents.text.sentences import without_citations

_CLAUSE = re.compile(
    r"[,;:–—]|\s-\s|\b(?:and|but|while|whereas|although|because|und|aber|sondern|während|obwohl|weil|denn)\b"
)
_TOKEN = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_NEGATORS: dict[Language, re.Pattern[str]] = {
    "en": re.compile(r"(?:not|no|never|cannot|without|neither|nor|none|hardly|nobody|nothing|\w+n['’]t)", re.I),
    "de": re.compile(r"(?:nicht|nie|niemals|kein\w*|ohne|weder|noch|kaum|nirgends)", re.I),
}
_STEPPED_OVER = frozenset(
    [
        "really",
        "always",
        "even",
        "necessarily",
        "significantly",
        "only",
        "just",
        "actually",
        "usually",
        "generally",
        "yet",
        "unbedingt",
        "immer",
        "wirklich",
        "zwingend",
        "grundsätzlich",
        "any",
    ]
)
_OPPOSITES: tuple[tuple[str, str], ...] = (
    ("increase increases increased raise raises raised rise rises rose grow grows grew erhöht erhöhen steigt steigen steigert",
     "reduce reduces reduced lower lowers lowered decrease decreases decreased fall falls fell cut cuts senkt senken sinkt "
     "sinken verringert verringern reduziert reduzieren"),
    ("higher höher höhere höheren", "lower niedriger niedrigere geringer geringere"),
    ("more mehr", "less fewer weniger"),
    ("cheaper billiger günstiger", "dearer costlier teurer"),
    ("better besser", "worse schlechter"),
    ("louder lauter", "quieter leiser"),
    ("mandatory required compulsory vorgeschrieben verpflichtend", "optional voluntary freiwillig"),
    ("allowed permitted erlaubt zulässig", "forbidden prohibited banned verboten unzulässig"),
    ("always immer", "never nie niemals"),
    ("possible möglich", "impossible unmöglich"),
    ("profit profits gewinn", "loss losses verlust"),
)  # fmt: skip


@dataclass(frozen=True)
class Polarity:
    """`denied` and `asserted` are stems (one may be in both); `sides` are (pair, side) of the opposites used."""

    denied: frozenset[str]
    asserted: frozenset[str]
    sides: frozenset[tuple[int, int]]


def polarity(sentence: str, language: Language) -> Polarity:
    """English: the first word of meaning after a negator. German: also what is written small before "nicht" in its clause."""
    text = without_citations(sentence)
    denied: set[str] = set()
    asserted: set[str] = set()
    for clause in _CLAUSE.split(text):
        tokens = _TOKEN.findall(clause)
        hit = _denied(tokens, language)
        denied |= {stem(tokens[i].casefold(), language) for i in hit}
        asserted |= {
            stem(token.casefold(), language)
            for i, token in enumerate(tokens)
            if i not in hit and not stopword(token.casefold(), language) and not _NEGATORS[language].fullmatch(token)
        }
    return Polarity(frozenset(denied), frozenset(asserted), _sides(text))


def contradiction(draft: Polarity, source: Polarity) -> str:
    """What one denies and the other asserts, as a phrase, or "" when they agree."""
    flipped = (draft.denied & source.asserted - source.denied - draft.asserted) | (
        draft.asserted & source.denied - draft.denied - source.asserted
    )
    if flipped:
        return "one says it and the other denies it (" + ", ".join(sorted(flipped)) + ")"
    if bool(draft.denied) == bool(source.denied):
        for pair, side in sorted(draft.sides):
            other = (pair, 1 - side)
            if other in source.sides and other not in draft.sides and (pair, side) not in source.sides:
                return (
                    "they say opposite things (" + " / ".join(words.split(" ")[0] for words in _OPPOSITES[pair]) + ")"
                )
    return ""


def _denied(tokens: list[str], language: Language) -> set[int]:
    hit: set[int] = set()
    for i, token in enumerate(tokens):
        if not _NEGATORS[language].fullmatch(token):
            continue
        following = [
            j for j in range(i + 1, len(tokens))
            if not stopword(tokens[j].casefold(), language) and tokens[j].casefold() not in _STEPPED_OVER
        ]  # fmt: skip
        hit.update(following[:1])
        if language == "de" and token.casefold() in ("nicht", "nie", "niemals", "kaum"):
            hit.update(j for j in range(i) if tokens[j].islower() and not stopword(tokens[j], language))
    return hit


def _sides(text: str) -> frozenset[tuple[int, int]]:
    present = {token.casefold() for token in _TOKEN.findall(text)}
    return frozenset(
        (pair, side) for pair, both in enumerate(_OPPOSITES) for side in (0, 1) if present & set(both[side].split(" "))
    )
