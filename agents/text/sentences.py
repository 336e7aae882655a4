"""Sentences: cutting prose into them, and comparing two."""

from __future__ import annotations

import re
import unicodedata

from agentos.capabilities.words import Language, stems
from agents.text.lexicon import lexicon

_END = re.compile(r"[.!?…]+[\"'”“’»)\]]*(?:\s*\[\d{1,3}\])*\s+(?=[\"'“„‚‘«(]?[^\W_])")
_CITATION = re.compile(r"\s*\[\d{1,3}\]")


def sentences(text: str) -> list[str]:
    """The sentences of one paragraph. Abbreviations ("e.g.", "z. B."), initials and ordinals ("3. Mai") don't end one.

    Citations such as [2] stay with the sentence they follow.
    """
    found, start = [], 0
    for match in _END.finditer(text):
        if _ends(text[start : match.start()], text[match.start()], text[match.end() :]):
            found.append(text[start : match.end()].strip())
            start = match.end()
    found.append(text[start:].strip())
    return [sentence for sentence in found if sentence]


def _ends(before: str, mark: str, after: str) -> bool:
    following = after.lstrip("\"'“„‚‘«(")
    if mark != ".":
        return not following[:1].islower()
    if following[:1].islower():
        return False
    last = re.split(r"[\s(\"„“]", before)[-1].casefold()
    if last in lexicon("sentences", "abbreviations") or (len(last) == 1 and last.isalpha()):
        return False
    if last.isdigit() and len(last) <= 2:
        return following.split()[0].strip(".,;").casefold() not in lexicon("sentences", "after_ordinal")
    return True


def without_citations(sentence: str) -> str:
    return _CITATION.sub("", sentence)


def plain(sentence: str) -> str:
    """A form in which a sentence equals its copy: no citations, one kind of quote, dash and space, no case."""
    text = unicodedata.normalize("NFKC", without_citations(sentence)).casefold()
    text = re.sub(r"[“”„«»\"]", '"', text)
    text = re.sub(r"[‘’‚`]", "'", text)
    return re.sub(r"\s+", " ", re.sub(r"[–—−]", "-", text)).strip(" .!?…")


def meaning(sentence: str, language: Language) -> frozenset[str]:
    """The stems that carry a sentence's meaning."""
    return frozenset(stems(without_citations(sentence), language))


def overlap(draft: frozenset[str], source: frozenset[str]) -> float:
    """The share of the draft's stems that the source holds, 0 to 1."""
    return len(draft & source) / len(draft) if draft else 0.0
