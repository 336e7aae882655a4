"""Words and their stems in English and German: one tokeniser for search, the offline writer and the fact-checker."""

from __future__ import annotations

import re
import tomllib
from functools import lru_cache
from importlib.resources import files
from typing import Any, Literal

Language = Literal["en", "de"]

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")


def words(text: str) -> list[str]:
    """The words of a text in order, lower-cased; numbers are words."""
    return [word.casefold() for word in _WORD.findall(text)]


def stopword(word: str, language: Language) -> bool:
    return word in _stop(language)


def language_of(text: str, default: Language = "en") -> Language:
    """English or German, by which of the two's everyday words are more frequent."""
    found = words(text)
    german = sum(w in _stop("de") and w not in _stop("en") for w in found)
    english = sum(w in _stop("en") and w not in _stop("de") for w in found)
    if german == english:
        return default
    return "de" if german > english else "en"


def known(language: str) -> Language:
    """A language tag such as "de-AT" as one of the two we have rules for; everything else is treated as English."""
    return "de" if language.casefold().startswith("de") else "en"


def stem(word: str, language: Language) -> str:
    """The Snowball stem; "Wärmepumpen" and "Wärmepumpe" are one, so are "pumps" and "pump"."""
    return str(_stemmer(language).stemWord(re.sub(r"['’]s?$", "", word)))


def stems(text: str, language: Language) -> list[str]:
    """Stems of the words that carry meaning, in order."""
    return [stem(word, language) for word in words(text) if not stopword(word, language)]


def meaningful(text: str, language: Language) -> frozenset[str]:
    """The distinct stems of a text."""
    return frozenset(stems(text, language))


@lru_cache(maxsize=4)
def _stop(language: Language) -> frozenset[str]:
    lists = tomllib.loads(files("agentos.capabilities").joinpath("stopwords.toml").read_text("utf-8"))
    return frozenset(lists[language].split())


@lru_cache(maxsize=4)
def _stemmer(language: Language) -> Any:
    import Stemmer  # type: ignore[import-not-found]

    return Stemmer.Stemmer({"en": "english", "de": "german"}[language])
