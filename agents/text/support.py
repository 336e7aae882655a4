"""Whether the sources support a statement: its figures, its names, and what it denies. Rules only, no model."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from agents.text.evidence import Segment, Statement
from agents.text.names import direction, mentions
from agents.text.negation import contradiction
from agents.text.sentences import meaning, overlap

SAME = 0.6
"""Share of a statement's stems in one source sentence from which on the two are taken to be about the same thing."""
_THAN = re.compile(r"\b(?:than|als)\b")


@dataclass(frozen=True)
class Finding:
    """`what` is the figure or name judged, "" for the sentence as a whole; `source` is what supports it."""

    what: str
    supported: bool
    source: str | None
    why: str


def findings(draft: Statement, evidence: Sequence[Statement], common: frozenset[str]) -> list[Finding]:
    """One finding per figure and name of a sentence, and one for the whole if the sources say otherwise.

    A sentence that stands in a source word for word is supported in all its parts.
    """
    whole = next((source for source in evidence if source.plain == draft.plain), None)
    told = draft.names(common)
    if whole is not None:
        parts = [figure.text for figure in draft.figures] + told
        return [Finding(part, True, whole.source, "word for word in the source") for part in parts]
    found = [_figure(segment, draft, evidence, told, common) for segment in draft.segments]
    found += [_name(name, evidence) for name in told]
    against = _opposed(draft, evidence) or _turned(draft, told, evidence) or _compared(draft, evidence)
    return [*found, against] if against else found


def nearness(draft: Statement, evidence: Sequence[Statement]) -> float:
    """The largest share of the statement's stems that one source sentence with its neighbours holds, 0 to 1."""
    return max((overlap(draft.meaning, meaning(source.around, source.language)) for source in evidence), default=0.0)


def _figure(
    segment: Segment, draft: Statement, evidence: Sequence[Statement], told: list[str], common: frozenset[str]
) -> Finding:
    wanted = segment.figure
    pairs = [(source, s) for source in evidence for s in source.segments]
    value = [(source, s) for source, s in pairs if wanted.same_value(s.figure)]
    fitting = [(source, s) for source, s in value if wanted.same_unit(s.figure)]
    if not fitting:
        why = f"the source says {value[0][1].figure.text}" if value else "no source has this figure"
        return Finding(wanted.text, False, None, why)
    source, best = max(
        fitting, key=lambda pair: (len(segment.about & pair[1].about), overlap(draft.meaning, pair[0].meaning))
    )
    why = wanted.overclaims(best.figure) if best.figure.bound else ""
    why = why or _swapped(segment, best, [s for _, s in pairs if not wanted.same_value(s.figure)])
    why = why or _stranger(draft, source, told, common)
    return Finding(wanted.text, not why, None if why else source.source, why or f"in “{_brief(source.text)}”")


def _swapped(segment: Segment, best: Segment, others: Sequence[Segment]) -> str:
    """The sources give this figure to something else: what sets the statement apart stands beside another figure.

    Only figures of the same unit compete, and only words that separate the two stretches count.
    """
    for other in others:
        if not segment.figure.same_unit(other.figure):
            continue
        for_other = segment.about & (other.about - best.about)
        for_best = segment.about & (best.about - other.about)
        if len(for_other) > len(for_best) and overlap(segment.about, other.about) > overlap(segment.about, best.about):
            return f"the source gives {other.figure.text} for this ({', '.join(sorted(for_other))})"
    return ""


def _stranger(draft: Statement, source: Statement, told: list[str], common: frozenset[str]) -> str:
    """The figure's source names somebody else, and nowhere near it the one the draft names."""
    for name in told:
        if mentions(source.around, name):
            continue
        rivals = [rival for rival in source.names(common) if not mentions(draft.text, rival)]
        if rivals:
            return f"the source has this from {rivals[0]}, not from {name}"
        if overlap(draft.meaning, source.meaning) < SAME:
            return f"no source sentence holds both this figure and {name}"
    return ""


def _name(name: str, evidence: Sequence[Statement]) -> Finding:
    for source in evidence:
        if mentions(source.around, name):
            return Finding(name, True, source.source, f"in “{_brief(source.text)}”")
    return Finding(name, False, None, "no source has this name")


def _opposed(draft: Statement, evidence: Sequence[Statement]) -> Finding | None:
    """The sentences nearest in meaning deny what the draft says; one as near that agrees settles it for the draft."""
    agreeing, opposed, worst = 0.0, 0.0, None
    for source in evidence:
        near = overlap(draft.meaning, source.meaning)
        why = _against(draft, source) if near >= SAME else ""
        if why and near > opposed:
            opposed, worst = near, Finding("", False, None, f"{why}: “{_brief(source.text)}”")
        elif not why:
            agreeing = max(agreeing, near)
    return worst if opposed > agreeing else None


def _against(draft: Statement, source: Statement) -> str:
    if source.disputed:
        held = draft.reports or bool(draft.polarity.denied)
        return "" if held else "the source says this only to deny it in its next sentence"
    return contradiction(draft.polarity, source.polarity)


def _turned(draft: Statement, told: list[str], evidence: Sequence[Statement]) -> Finding | None:
    """A did it to B in the draft, B to A in every source sentence that holds both."""
    for i, first in enumerate(told):
        for second in told[i + 1 :]:
            here = direction(draft.text, first, second)
            there = [
                (source, direction(source.text, first, second))
                for source in evidence
                if len((draft.meaning & source.meaning) - meaning(f"{first} {second}", draft.language))
            ]
            known = [(source, way) for source, way in there if way]
            if here and known and all(way == -here for _, way in known):
                why = f"the source has {first} and {second} the other way round: “{_brief(known[0][0].text)}”"
                return Finding("", False, None, why)
    return None


def _compared(draft: Statement, evidence: Sequence[Statement]) -> Finding | None:
    """A comparison whose two sides changed places ("X is cheaper than Y")."""
    left, right = _sides(draft)
    for source in evidence:
        if not left or overlap(draft.meaning, source.meaning) < SAME:
            continue
        there_left, there_right = _sides(source)
        straight = len(left & there_left - right) + len(right & there_right - left)
        crossed = len((left & there_right) - there_left) + len((right & there_left) - there_right)
        if there_left and crossed > straight:
            return Finding("", False, None, f"the source compares the other way round: “{_brief(source.text)}”")
    return None


def _sides(statement: Statement) -> tuple[frozenset[str], frozenset[str]]:
    parts = _THAN.split(statement.text, maxsplit=1)
    if len(parts) < 2:
        return frozenset(), frozenset()
    return meaning(parts[0], statement.language), meaning(parts[1], statement.language)


def _brief(text: str) -> str:
    return text if len(text) <= 120 else text[:117].rstrip() + "..."
