"""The researcher: finds what the operator's own knowledge and the pages she named say about a topic."""

from __future__ import annotations

import re
from typing import Any

from pydantic import BaseModel, ConfigDict

from agentos.agent import Kit, Manifest, Passage, Question
from agentos.capabilities.chunks import chunk
from agentos.capabilities.words import known, meaningful
from agentos.errors import Permanent

manifest = Manifest(
    role="researcher",
    version="1",
    outcome="Every text starts from sources the operator owns or chose.",
    capabilities=("knowledge.search", "web.read"),
    failure_modes=(
        "nothing on the topic: asks for a page or a file",
        "a page can't be read: goes on without it, says so in the notes, and is less sure",
    ),
    unwound="Nothing to unwind: it only reads.",
    act="Put a file on the topic into `knowledge/`, or name a page in the answer.",
    kpi="share of drafts that needed no further source",
)

_FOUND = 24
_ROUNDS = 3
_UNREAD = {
    "en": "{url} could not be read: {why}",
    "de": "{url} konnte nicht gelesen werden: {why}",
}
_URL = re.compile(r"https?://[^\s<>\"')\]]+")


class Request(BaseModel):
    model_config = ConfigDict(frozen=True)

    topic: str
    urls: list[str] = []
    language: str = "en"


class Result(BaseModel):
    """`notes` say what could not be read, and why."""

    model_config = ConfigDict(frozen=True)

    passages: list[Passage]
    notes: list[str]
    confidence: float


async def run(request: Request, kit: Kit) -> Result:
    """Asks up to three times (slots "sources", "sources_2", "sources_3") while there is nothing to work from.

    Confidence is the share of the topic's words that the passages hold, times that of the sources that could be read, 0
    to 1. Raises Permanent after the last round.
    """
    notes: list[str] = []
    passages = await _search(request, kit) + await _pages(request.urls, kit, notes)
    for round_ in range(1, _ROUNDS + 1):
        if passages:
            return Result(passages=passages, notes=notes, confidence=_confidence(request, passages, notes))
        slot = "sources" if round_ == 1 else f"sources_{round_}"
        if slot not in kit.answers:
            raise Question(slot, _asking(request.topic, notes))
        answer = kit.answers[slot]
        passages = await _search(request, kit) + await _pages(_URL.findall(answer), kit, notes)
    if passages:
        return Result(passages=passages, notes=notes, confidence=_confidence(request, passages, notes))
    raise Permanent(
        f"There is still nothing on “{request.topic}” to write from.",
        code="research.no_sources",
        hint="Add a file to knowledge/ and start the task again.",
    )


async def _search(request: Request, kit: Kit) -> list[Passage]:
    found = await kit.use("knowledge.search", query=request.topic, k=_FOUND)
    return [Passage.model_validate(passage) for passage in found]


async def _pages(urls: list[str], kit: Kit, notes: list[str]) -> list[Passage]:
    """A page that was named comes in whole: the operator has chosen it."""
    passages: list[Passage] = []
    for url in dict.fromkeys(url.rstrip(".,;") for url in urls):
        page: dict[str, Any] = await kit.use("web.read", url=url)
        if page.get("error"):
            notes.append(_unread(url, str(page["error"]).removeprefix(url), kit.language))
            continue
        pieces = chunk(page["url"], page["text"], title=page["title"], origin="web", blob=page.get("blob"))
        if not pieces:
            notes.append(_unread(url, "it holds no text", kit.language))
        passages += [piece.model_copy(update={"score": 1.0}) for piece in pieces]
    return passages


def _unread(url: str, why: str, language: str) -> str:
    return _UNREAD["de" if language.startswith("de") else "en"].format(url=url, why=why.strip(" ."))


def _asking(topic: str, notes: list[str]) -> str:
    asked = f"There is nothing in knowledge/ on “{topic}”. Name a page to read, or add a file to knowledge/ and say so."
    return " ".join([asked, *(f"{note}." for note in notes)])


def _confidence(request: Request, passages: list[Passage], notes: list[str]) -> float:
    read = len({passage.source for passage in passages})
    return round(_coverage(request, passages) * read / (read + len(notes)), 3)


def _coverage(request: Request, passages: list[Passage]) -> float:
    language = known(request.language)
    wanted = meaningful(request.topic, language)
    held = meaningful(" ".join(f"{p.title} {p.heading} {p.text}" for p in passages), language)
    return round(len(wanted & held) / len(wanted), 3) if wanted else 0.5
