"""Tables of words, kept readable."""

from __future__ import annotations


def word_set(table: str) -> frozenset[str]:
    """The words of a text, however it is broken into lines."""
    return frozenset(table.split())
