"""The sources as evidence: every sentence of them, ready to be compared with a claim."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from agentos.agent import Passage
from agentos.capabilities.words import Language, language_of
from agents.text.figures import Figure, figures
from agents.text.names import names
from agents.text.negation import Polarity, polarity
from agents.text.sentences import meaning, plain, sentences, without_citations

_BREAK = re.compile(r"[,;:–—]\s|\s(?:and|but|while|whereas|und|aber|während|sowie)\s")


_BELIEF = re.compile(
    r"\b(?:belief|believed?|myth|misconception|many (?:people )?think|people say|irrtum|mythos|vorurteil|glauben|"
    r"heißt es oft|viele denken)\b",
    re.I,
)
_DENIAL = re.compile(
    r"(?:(?:it|that|this|they|das|dies|sie|es)\s+(?:\w+\s+)?(?:does not|doesn['’]t|do not|don['’]t|is not|isn['’]t|"
    r"is wrong|is false|is a myth|is untrue|stimmt nicht|ist falsch|ist ein irrtum|trifft nicht zu)"
    r"(?:\s+(?:so|true|the case|correct))?"
    r"|not so|wrong|false|falsch)[.!]*$",
    re.I,
)


@dataclass(frozen=True)
class Segment:
    """The stretch of a sentence that one figure belongs to: the stems that say what it is a figure of."""

    figure: Figure
    about: frozenset[str]


@dataclass(frozen=True)
class Statement:
    """One sentence, of a source (`source` is its path or URL, `around` its surroundings) or of a draft.

    `disputed`: the source states it only to deny it in the next sentence ("It does not.").
    """

    text: str
    language: Language
    source: str = ""
    around: str = ""
    disputed: bool = False

    @cached_property
    def bare(self) -> str:
        return without_citations(self.text)

    @property
    def reports(self) -> bool:
        """Whether it only tells what others believe."""
        return _BELIEF.search(self.text) is not None

    @cached_property
    def plain(self) -> str:
        return plain(self.text)

    @cached_property
    def meaning(self) -> frozenset[str]:
        return meaning(self.text, self.language)

    @cached_property
    def figures(self) -> list[Figure]:
        return figures(self.bare, self.language)

    @cached_property
    def polarity(self) -> Polarity:
        return polarity(self.text, self.language)

    @cached_property
    def segments(self) -> list[Segment]:
        return segments(self.bare, self.figures, self.language)

    def names(self, common: frozenset[str]) -> list[str]:
        return names(self.text, self.language, common)


def gather(passages: Iterable[Passage]) -> list[Statement]:
    """All sentences of the sources. `around` is the sentence with its neighbours, its heading and its title."""
    found = []
    for passage in passages:
        language = language_of(passage.text)
        lines = [re.sub(r"^(?:- |> |\| )", "", block) for block in passage.text.split("\n\n")]
        said = [sentence for line in lines for sentence in sentences(line)]
        for i, sentence in enumerate(said):
            near = " ".join(said[max(0, i - 1) : i + 2])
            around = f"{passage.title}. {passage.heading}. {near}"
            denied = i + 1 < len(said) and _DENIAL.match(said[i + 1]) is not None
            found.append(Statement(sentence, language, passage.source, around, denied))
    return found


def written_small(texts: Iterable[str]) -> frozenset[str]:
    """Words that somewhere stand in lower case: at the start of a sentence they are no names."""
    return frozenset(word for text in texts for word in re.findall(r"(?<![^\W_])[a-zäöüß][^\W\d_]+", text))


def segments(sentence: str, found: list[Figure], language: Language) -> list[Segment]:
    """Cuts a sentence between its figures, at the first break after each, or where the figure ends."""
    cuts = [0]
    for before, after in pairwise(found):
        breaks = [m.start() for m in _BREAK.finditer(sentence, before.end, after.start + 1)]
        cuts.append(breaks[0] if breaks else before.end)
    ends = [next((cut for cut in cuts[i + 1 :] if cut > cuts[i]), len(sentence)) for i in range(len(cuts))]
    return [
        Segment(figure, meaning(_without(sentence, found, cut, end), language))
        for figure, cut, end in zip(found, cuts, ends, strict=False)
    ]


def _without(sentence: str, found: list[Figure], start: int, end: int) -> str:
    kept = [" " if any(f.start <= i < f.end for f in found) else sentence[i] for i in range(start, end)]
    return "".join(kept)
