"""The word lists behind the text helpers, kept as data in lexicon.toml."""

from __future__ import annotations

import tomllib
from functools import lru_cache
from importlib.resources import files
from typing import Any


@lru_cache(maxsize=64)
def lexicon(section: str, name: str) -> frozenset[str]:
    """One word list, lower-cased."""
    return frozenset(_lists()[section][name].split())


@lru_cache(maxsize=1)
def opposites() -> dict[str, tuple[frozenset[str], frozenset[str]]]:
    """Pairs of words that turn a claim into its opposite: {"raise/reduce": (words of one side, words of the other)}."""
    return {name: (frozenset(a.split()), frozenset(b.split())) for name, (a, b) in _lists()["opposites"].items()}


@lru_cache(maxsize=1)
def _lists() -> dict[str, Any]:
    return tomllib.loads(files("agents.text").joinpath("lexicon.toml").read_text("utf-8"))
