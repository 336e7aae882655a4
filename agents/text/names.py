"""Proper names in prose, and the order in which a sentence puts two of them."""

from __future__ import annotations

import re
from collections.abc import Collection

from agentos.capabilities.words import Language, stopword
from agents.text.figures import figures, is_unit
from agents.text.lexicon import lexicon
from agents.text.sentences import without_citations

_TOKEN = re.compile(r"[^\W_][\w&.'’+-]*[\w+]|[^\W_]")
_STRONG = re.compile(r"(?=.*[A-Z]).*(?:\d|[a-zäöü][A-Z])|[A-ZÄÖÜ]{2,}[\w+-]*$")
_CUE = re.compile(r"\b(?:laut|Firma|Marke|Hersteller)\s+$", re.I)
_TITLE = re.compile(r"\b(?:Dr|Prof|Mr|Mrs|Ms|Herrn?|Frau)\.?\s+$")
_LEGAL = re.compile(r"\s+(?:GmbH|AG|KG|UG|SE|Ltd|Inc|LLC|plc|e\.\s?V)\b")
_BY = re.compile(r"\b(?:by|von|durch|according to|laut|from|to|an)\s+(?:the\s+|der\s+|dem\s+)?$", re.I)


def names(sentence: str, language: Language, common: Collection[str] = ()) -> list[str]:
    """The proper names of a sentence, in order, each once.

    English: capitalised words inside a sentence, and at its start when the next word shows that it is a name. German
    writes every noun with a capital, so only these count: two or more capitalised words in a row, words with an inner
    capital or a digit, acronyms, and words beside a title, a legal form or a verb of saying. `common` holds lower-cased
    words known not to be names, because they are also written small.
    """
    text = without_citations(sentence)
    for figure in figures(text, language):
        text = text[: figure.start] + "0" * (figure.end - figure.start) + text[figure.end :]
    found = [name for name in _runs(text, language, common) if name]
    return list(dict.fromkeys(found))


def normal(name: str) -> str:
    """A name as it is compared: no case, no possessive, no dots, one space."""
    bare = re.sub(r"['’]s?\b", "", name.casefold()).replace(".", "")
    return re.sub(r"[\s-]+", " ", bare).strip()


def mentions(text: str, name: str) -> bool:
    """Whether a text holds the name as whole words; a German genitive or plural ending is allowed."""
    return re.search(rf"(?<!\w){re.escape(normal(name))}(?:e?[sn])?(?!\w)", normal(text)) is not None


def direction(sentence: str, first: str, second: str) -> int:
    """1 when `first` acts on `second` as the sentence puts it, -1 the other way round, 0 when it doesn't hold both.

    By order, turned round by "by", "according to", "von", "durch" or "laut" before the later one.
    """
    low = sentence.casefold()
    one, two = low.find(first.casefold()), low.find(second.casefold())
    if one < 0 or two < 0:
        return 0
    turned = _BY.search(sentence[: max(one, two)]) is not None
    opening = re.match(r"\s*(?:according to|laut|nach angaben von)\s", low) is not None
    return (1 if one < two else -1) * (-1 if turned and not opening else 1)


def _runs(text: str, language: Language, common: Collection[str]) -> list[str]:
    runs: list[list[re.Match[str]]] = []
    for token in _TOKEN.finditer(text):
        if is_unit(token.group()) or not (token.group()[0].isupper() or _STRONG.match(token.group())):
            continue
        joined = runs and _joins(text[runs[-1][-1].end() : token.start()], language)
        if joined:
            runs[-1].append(token)
        else:
            runs.append([token])
    return [_name(text, run, language, common) for run in runs]


def _joins(between: str, language: Language) -> bool:
    return between.isspace() or (language == "en" and re.fullmatch(r"\s(?:of|&|for the)\s", between) is not None)


def _name(text: str, run: list[re.Match[str]], language: Language, common: Collection[str]) -> str:
    at_start = not re.search(r"[^\W_]", text[: run[0].start()])
    if at_start or stopword(run[0].group().casefold(), language):
        while run and not _STRONG.match(run[0].group()) and _ordinary(run[0].group(), language, common):
            run = run[1:]
            at_start = False
        if not run:
            return ""
    name = text[run[0].start() : run[-1].end()]
    before, after = text[: run[0].start()], text[run[-1].end() :]
    if any(_STRONG.match(token.group()) for token in run) or _shown(before, after, language):
        return _bare(name)
    if len(run) == 1 and (at_start or language == "de" or run[0].group().casefold() in common):
        return ""
    return _bare(name)


def _ordinary(word: str, language: Language, common: Collection[str]) -> bool:
    small = word.casefold()
    return stopword(small, language) or small in common or small in lexicon("names", "openers")


def _shown(before: str, after: str, language: Language) -> bool:
    following = re.match(r"\s?([^\W_]+|['’]s\b)", after)
    verb = following is not None and following.group(1).casefold() in lexicon("names", f"saying_{language}")
    return verb or bool(_LEGAL.match(after) or _TITLE.search(before) or _CUE.search(before))


def _bare(name: str) -> str:
    return re.sub(r"['’]s?$", "", name).strip(".")
