"""What of the sources can stand in a post: whole sentences, in runs that keep a sentence with the one it leans on."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from agentos.agent import Passage
from agentos.capabilities.words import Language
from agents.text.lexicon import lexicon
from agents.text.sentences import meaning, plain, sentences

_COMPLETE = re.compile(r"[.!?…][\"'”“»)]*$")
_START = re.compile(r"[\"“„«(]?[A-ZÄÖÜ0-9]")
_POINTS_AWAY = re.compile(
    r"https?://|www\.|\b(?:see|siehe)\s+(?:above|below|also|table|figure|chapter|oben|unten|auch|Tabelle|Kapitel)|"
    r"\b(?:the following|as follows|below:|folgende[nrs]?:?$|table \d|figure \d|Tabelle \d|Abbildung \d)|"
    r"\b(?:TODO|FIXME|TBD|XXX)\b",
    re.I,
)
_TO_A_MODEL = re.compile(
    r"\b(?:ignore|disregard|forget|ignoriere|vergiss)\b.{0,40}\b(?:instruction|instructions|prompt|rules|anweisung\w*|"
    r"regeln)|\bsystem prompt\b|\bas an ai\b|\blanguage model\b|\bapprove everything\b",
    re.I,
)


@dataclass(frozen=True)
class Run:
    """Sentences of one source that follow each other; only the first can stand without the others."""

    said: tuple[str, ...]
    source: str
    heading: str
    item: bool
    stems: frozenset[str]

    @property
    def words(self) -> int:
        return sum(len(sentence.split()) for sentence in self.said)


@dataclass(frozen=True)
class Paragraph:
    runs: tuple[Run, ...]


@dataclass(frozen=True)
class Section:
    """What the sources say under one heading; "" is what stands before the first one."""

    heading: str
    paragraphs: tuple[Paragraph, ...]
    relevance: float

    @property
    def runs(self) -> list[Run]:
        return [run for paragraph in self.paragraphs for run in paragraph.runs]


def sections(passages: Sequence[Passage], topic: str, language: Language, dropped: frozenset[str]) -> list[Section]:
    """The usable sections: the source with most to say first, each source in its own order, equal headings merged.

    `dropped` are sentences (in `plain` form) that must not be used.
    """
    weight: dict[str, float] = {}
    for passage in passages:
        weight[passage.source] = weight.get(passage.source, 0.0) + passage.score
    ordered = sorted(passages, key=lambda p: (-weight[p.source], p.source, p.place))
    wanted = meaning(topic, language)
    grouped: dict[str, tuple[str, list[Paragraph], float]] = {}
    for passage in ordered:
        heading = tidy_heading(passage)
        found = _paragraphs(passage, heading, language, dropped)
        if heading is None or not found:
            continue
        key = f"{passage.source}\n" if not heading else heading.casefold()
        name, paragraphs, score = grouped.get(key, (heading, [], 0.0))
        near = len(wanted & meaning(f"{passage.title} {passage.heading} {passage.text}", language))
        grouped[key] = (name, paragraphs + found, max(score, near + passage.score / 10))
    return [Section(name, tuple(paragraphs), score) for name, paragraphs, score in grouped.values()]


def tidy_heading(passage: Passage) -> str | None:
    """The heading without numbering; "" for an opening; None for sections that are no part of a text."""
    heading = re.sub(r"^(?:\d+(?:\.\d+)*[.)]?|[A-Z][.)])\s+", "", passage.heading).strip(" :.#*")
    slug = heading.casefold().replace(" ", "-")
    if slug in lexicon("headline", "aside"):
        return None
    return "" if slug in lexicon("headline", "opening") or plain(heading) == plain(passage.title) else heading


def _paragraphs(passage: Passage, heading: str | None, language: Language, dropped: frozenset[str]) -> list[Paragraph]:
    found = []
    for block in passage.text.split("\n\n"):
        if block.startswith(("> ", "| ")) or heading is None:
            continue
        item = block.startswith("- ")
        runs = _runs(sentences(block.removeprefix("- ")), dropped)
        made = [
            Run(tuple(run), passage.source, heading, item, frozenset().union(*(meaning(s, language) for s in run)))
            for run in runs
        ]
        if made:
            found.append(Paragraph(tuple(made)))
    return found


def _runs(said: Iterable[str], dropped: frozenset[str]) -> list[list[str]]:
    """A leaning sentence whose predecessor can't be used can't be used either."""
    runs: list[list[str]] = []
    follows = False
    for sentence in said:
        usable = _usable(sentence) and plain(sentence) not in dropped
        if usable and not leans(sentence):
            runs.append([sentence])
        elif usable and follows:
            runs[-1].append(sentence)
        else:
            usable = False
        follows = usable
    return runs


def leans(sentence: str) -> bool:
    """Whether a sentence begins by pointing back ("This", "However", "Das") and can't open a paragraph."""
    first = re.match(r"[\"“„«(]?([^\W\d_]+)", sentence)
    if re.match(r"(?:in addition|as a result|for this reason|on the other hand|for example|that is|aus diesem Grund|"
                r"zum Beispiel|im Gegensatz dazu)\b", sentence, re.I):  # fmt: skip
        return True
    return first is not None and first.group(1).casefold() in lexicon("sentences", "leaning")


def _usable(sentence: str) -> bool:
    count = len(sentence.split())
    if not 4 <= count <= 48 or not _COMPLETE.search(sentence) or not _START.match(sentence):
        return False
    even = sentence.count("(") == sentence.count(")") and sentence.count('"') % 2 == 0
    return even and not _POINTS_AWAY.search(sentence) and not _TO_A_MODEL.search(sentence) and "|" not in sentence
