"""The parts of a draft that every text agent must agree on: the offline note, the list of sources, the statements."""

from __future__ import annotations

import re
from collections.abc import Iterable

from agentos.agent import Passage
from agentos.capabilities.markdown import blocks
from agentos.capabilities.words import Language
from agents.text.sentences import plain, sentences

SOURCES: dict[Language, str] = {"en": "Sources", "de": "Quellen"}
_NOTE: dict[Language, str] = {
    "en": "Composed offline from {count} of your own sources; no language model was used.",
    "de": "Offline aus {count} Ihrer eigenen Quellen zusammengestellt; es wurde kein Sprachmodell verwendet.",
}


def note(count: int, language: Language) -> str:
    """What every text of the offline writer says about itself."""
    return _NOTE[language].format(count=count)


def source_list(cited: Iterable[tuple[int, str, str]], language: Language) -> str:
    """The closing section for (number, source, title): only web sources show an address, files just their title."""
    lines = []
    for n, source, title in cited:
        label = re.sub(r"[\[\]<>]", "", title)
        link = source.startswith(("http://", "https://"))
        lines.append(f"- [{n}] {label} (<{source}>)" if link else f"- [{n}] {label}")
    return f"## {SOURCES[language]}\n\n" + "\n".join(lines)


def without_sources(markdown: str) -> str:
    """The text without its closing list of sources and what stands after it, for a page that shows both itself."""
    headings = "|".join(SOURCES.values())
    return re.split(rf"(?m)^## (?:{headings})[ \t]*$", markdown)[0].rstrip() + "\n"


def cited_once(markdown: str) -> str:
    """Of sentences in one paragraph that follow each other with the same citation, only the last keeps it: for readers.

    The checker reads the text before this, with every sentence's own citation.
    """
    return re.sub(r" ?\[(\d+)\](?=[^\[\]\n]*\[\1\])", "", markdown)


def statements(markdown: str, passages: Iterable[Passage]) -> list[str]:
    """Every sentence of a draft that claims something; headings make no claim.

    The offline writer's note counts as none if its figure is right, and a source list's lines if they only name
    sources that were handed over: anything else in that section is checked like the rest.
    """
    given = list(passages)
    known = (
        {plain(p.title) for p in given}
        | {plain(f"{p.title} ({p.source})") for p in given}
        | {plain(p.source) for p in given}
    )
    known |= {plain(note(count, lang)) for count in range(1, len({p.source for p in given}) + 1) for lang in _NOTE}
    found = []
    for block in blocks(markdown):
        if block.kind == "heading" or plain(block.text) in known:
            continue
        found += [s for s in sentences(block.text) if plain(s) not in known and re.search(r"[^\W\d_]", s)]
    return found
