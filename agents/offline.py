"""The offline writer: a post made only of sentences from the operator's own sources, each with its citation.

It chooses, orders and arranges; it never states anything itself. The same sources and topic always give the same text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from agentos.agent import Passage
from agentos.capabilities.words import Language
from agents.text.draft import note, source_list
from agents.text.headline import headline
from agents.text.lexicon import lexicon
from agents.text.material import Run, Section, sections
from agents.text.sentences import meaning, plain, sentences, without_citations

_CLOSING: dict[Language, str] = {"en": "What to take away", "de": "Das Wichtigste in Kürze"}
_SECTION_WORDS = 110
_LEAD_WORDS = 70
_ALIKE = 0.75


@dataclass(frozen=True)
class Composition:
    """`cited` is (number, source, title) in the order of first use; `markdown` has no title line."""

    title: str
    summary: str
    markdown: str
    cited: list[tuple[int, str, str]]
    words: int


@dataclass
class _Page:
    """What has been taken so far: nothing is said twice, and sources are numbered as they come up."""

    titles: dict[str, str]
    numbers: dict[str, int] = field(default_factory=dict)
    taken: list[frozenset[str]] = field(default_factory=list)
    used: set[str] = field(default_factory=set)

    def fresh(self, run: Run, language: Language) -> bool:
        if any(plain(sentence) in self.used for sentence in run.said):
            return False
        stems = [meaning(sentence, language) for sentence in run.said]
        return not any(_alike(new, old) for new in stems for old in self.taken)

    def take(self, run: Run, language: Language) -> str:
        n = self.numbers.setdefault(run.source, len(self.numbers) + 1)
        self.used.update(plain(sentence) for sentence in run.said)
        self.taken.extend(meaning(sentence, language) for sentence in run.said)
        return " ".join(f"{sentence} [{n}]" for sentence in run.said)


def compose(
    topic: str,
    passages: Sequence[Passage],
    *,
    words: int = 700,
    language: Language = "en",
    goal: str = "post",
    avoid: Sequence[str] = (),
) -> Composition | None:
    """A post of about `words` words, or None when the sources hold no usable sentence.

    `avoid` holds a checker's reasons: every sentence they quote is left out. `goal` "brief" gives lists.
    """  # fmt: skip
    dropped = _quoted(avoid, passages)
    found = sections(passages, topic, language, dropped)
    page = _Page({p.source: p.title for p in reversed(passages)})
    lead = _lead(found, page, language, min(_LEAD_WORDS, max(25, words // 8)))
    if not lead:
        return None
    chosen = _chosen([s for s in found if s.heading], words)
    closing = _points([s for s in found if s.heading], chosen, max(40, words // 9))
    held = {plain(sentence) for run in closing for sentence in run.said}
    body = _body(chosen, page, language, words - len(lead.split()) - words // 9, goal, held)
    points = [page.take(run, language) for run in closing if page.fresh(run, language)]
    parts = [lead, *body]
    if len(points) >= 2:
        parts.append(f"## {_CLOSING[language]}\n\n" + "\n".join(f"- {point}" for point in points))
    cited = [(n, source, page.titles[source]) for source, n in page.numbers.items()]
    said = without_citations("\n\n".join(parts))
    parts += [source_list(cited, language), f"*{note(len(cited), language)}*"]
    title = headline(topic, language, (p.text for p in passages))
    return Composition(title, _summary(lead), "\n\n".join(parts) + "\n", cited, len(said.split()))


def _quoted(reasons: Sequence[str], passages: Sequence[Passage]) -> frozenset[str]:
    said = " ".join(plain(reason) for reason in reasons)
    every = {plain(s) for p in passages for block in p.text.split("\n\n") for s in sentences(block.removeprefix("- "))}
    return frozenset(sentence for sentence in every if said and sentence in said)


def _lead(found: Sequence[Section], page: _Page, language: Language, limit: int) -> str:
    """The opening of the best source, else the first sentences of the most relevant section."""
    ranked = sorted(found, key=lambda s: (bool(s.heading), -s.relevance))
    for section in ranked:
        prose = [run for run in section.runs if not run.item]
        taken: list[str] = []
        count = 0
        for run in prose:
            if taken and count + run.words > limit:
                break
            if page.fresh(run, language):
                taken.append(page.take(run, language))
                count += run.words
        if taken:
            return " ".join(taken)
    return ""


def _chosen(found: Sequence[Section], words: int) -> list[Section]:
    """As many sections as fit at a readable length, in the sources' order; each source's best comes first."""
    many = max(2, min(7, round(words / _SECTION_WORDS)))
    ranked = sorted(range(len(found)), key=lambda i: (-found[i].relevance, i))
    firsts: dict[str, int] = {}
    for i in ranked:
        firsts.setdefault(found[i].runs[0].source, i)
    order = [*firsts.values(), *(i for i in ranked if i not in firsts.values())]
    return [found[i] for i in sorted(order[:many])]


def _points(found: Sequence[Section], chosen: Sequence[Section], limit: int) -> list[Run]:
    """For the closing list: at most one short piece of advice a section, first from those the body has no room for."""
    best: list[tuple[int, bool, int, Run]] = []
    for i, section in enumerate(found):
        spare = section not in chosen or len(section.runs) > 2
        fit = [run for run in section.runs if spare and _stands_alone(run)]
        if fit:
            run = max(fit, key=lambda run: (_advice(run), -run.words))
            best.append((-_advice(run), section in chosen, i, run))
    picked: list[tuple[int, Run]] = []
    for _, _, i, run in sorted(best, key=lambda entry: entry[:3]):
        if len(picked) < 5 and sum(r.words for _, r in picked) + run.words <= limit:
            picked.append((i, run))
    return [run for _, run in sorted(picked, key=lambda entry: entry[0])] if len(picked) >= 3 else []


def _stands_alone(run: Run) -> bool:
    small = {word.strip(".,;:").casefold() for word in run.said[0].split()}
    return len(run.said) == 1 and 6 <= run.words <= 24 and small.isdisjoint(lexicon("headline", "pointing"))


def _advice(run: Run) -> int:
    return len({word.strip(".,;:").casefold() for word in run.said[0].split()} & lexicon("headline", "advice"))


def _body(
    chosen: Sequence[Section], page: _Page, language: Language, budget: int, goal: str, held: set[str]
) -> list[str]:
    parts = []
    for i, section in enumerate(chosen):
        share = budget // (len(chosen) - i)
        text, count = _section(section, page, language, share, goal, held)
        if text:
            parts.append(f"## {section.heading}\n\n{text}")
            budget -= count
    return parts


def _section(
    section: Section, page: _Page, language: Language, share: int, goal: str, held: set[str]
) -> tuple[str, int]:
    """The section in its source's own order until its share of words is used; lists stay lists."""
    blocks: list[tuple[bool, str]] = []
    count = 0
    for paragraph in section.paragraphs:
        taken = []
        for run in paragraph.runs:
            over = count and count + run.words > share * 1.15
            if over or held & {plain(sentence) for sentence in run.said} or not page.fresh(run, language):
                continue
            taken.append(page.take(run, language))
            count += run.words
        item = paragraph.runs[0].item or goal == "brief"
        if taken:
            blocks += [(True, f"- {' '.join(taken)}")] if item else [(False, " ".join(taken))]
    return _joined(blocks), count


def _joined(blocks: Sequence[tuple[bool, str]]) -> str:
    """List items on neighbouring lines, everything else a blank line apart; a lone item is a paragraph."""
    items = sum(item for item, _ in blocks)
    text = ""
    before = False
    for item, block in blocks:
        block = block if items > 1 else block.removeprefix("- ")
        text += ("\n" if item and before and items > 1 else "\n\n") + block
        before = item
    return text.strip()


def _summary(lead: str) -> str:
    """The lead's first sentences, up to about 200 characters, without citations."""
    said = [without_citations(sentence) for sentence in sentences(lead)]
    summary = said[0]
    for sentence in said[1:]:
        if len(summary) + len(sentence) > 200:
            break
        summary += f" {sentence}"
    return re.sub(r"\s+", " ", summary)


def _alike(one: frozenset[str], other: frozenset[str]) -> bool:
    return bool(one and other) and len(one & other) / len(one | other) >= _ALIKE
