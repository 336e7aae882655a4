"""Titles: from the operator's topic to a headline."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from agentos.capabilities.words import Language
from agents.text.lexicon import lexicon

_ASKED = re.compile(
    r"^(?:please\s+)?(?:(?:write|produce|create|draft)\s+)?(?:an?|the|one|ein(?:en)?)?\s*"
    r"(?:(?:short|new|kurzen?|neuen?)\s+)?"
    r"(?:blog\s?post|post|article|brief|research brief|blogbeitrag|beitrag|artikel|text)\s+"
    r"(?:about|on|over|über|zu[rm]?)\s+",
    re.I,
)


def headline(topic: str, language: Language, texts: Iterable[str]) -> str:
    """English in title case; German with a capital at the start and the nouns that the sources write with one."""
    bare = re.sub(r"\s+", " ", _ASKED.sub("", topic)).strip(" .,:;!?\"'“”„")
    tokens = bare.split(" ")
    if language == "de":
        usual = _usual(texts)
        tokens = [_noun(token, usual) if token.islower() else token for token in tokens]
    else:
        last = len(tokens) - 1
        tokens = [_cased(token, inner=0 < i < last) for i, token in enumerate(tokens)]
    joined = " ".join(tokens)
    return joined[:1].upper() + joined[1:]


def _cased(token: str, *, inner: bool) -> str:
    if inner and token.casefold() in lexicon("headline", "small"):
        return token.casefold()
    if not token.islower():
        return token
    small = lexicon("headline", "small")
    parts = token.split("-")
    return "-".join(part if i and part in small else part[:1].upper() + part[1:] for i, part in enumerate(parts))


def _noun(token: str, usual: dict[str, str]) -> str:
    """As the sources write the word, or another form of it ("Altbau" for "altbauten"), big or small."""
    if token in usual:
        return usual[token]
    kin = [word for small, word in usual.items() if len(small) >= 5 and token.startswith(small)]
    return token[0].upper() + token[1:] if any(word[0].isupper() for word in kin) else token


def _usual(texts: Iterable[str]) -> dict[str, str]:
    """How the sources write each word inside sentences, most often."""
    seen: dict[str, Counter[str]] = {}
    for text in texts:
        for word in re.findall(r"(?<=[\w,] )[^\W\d_]+", text):
            seen.setdefault(word.casefold(), Counter())[word] += 1
    return {small: counts.most_common(1)[0][0] for small, counts in seen.items()}
