"""The publisher: turns a checked text into one proposal to put it on the operator's site."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from agentos.agent import Kit, Manifest
from agentos.effects.port import Proposal
from agentos.effects.slug import slugify, unique
from agents.text.draft import cited_once, without_sources

manifest = Manifest(
    role="publisher",
    version="1",
    outcome="A finished post stands on the operator's site, with its sources and where it came from.",
    capabilities=("site.slugs", "business.get"),
    effects=("site.publish",),
    failure_modes=(
        "A compliance rule was hit or confidence is low: a card asks before anything is published.",
        "Two posts have one title: the later one gets a numbered address.",
    ),
    unwound="The post is taken down by a new commit.",
    act="Approve, edit or deny its card; what is published already is taken down with `agentos undo`.",
    kpi="posts that stay up unrevised for 30 days",
)

CONFIDENT = 0.7
"""Below this share of supported statements a card asks."""

_NOTE = {
    "en": "Composed offline from {count} of the author's own sources, without a language model.",
    "en_one": "Composed offline from one of the author's own sources, without a language model.",
    "de": "Ohne Sprachmodell aus {count} eigenen Quellen der Autorin oder des Autors zusammengestellt.",
    "de_one": "Ohne Sprachmodell aus einer eigenen Quelle der Autorin oder des Autors zusammengestellt.",
}
"""Stands on the page, in its language. What stands on the card is in the card's: one language a frame."""
_CARD = {
    "offline": "The text was composed offline from {count} of your own sources, without a language model.",
    "offline_one": "The text was composed offline from one of your own sources, without a language model.",
    "hit": "Rule {rule} is hit: “{sentence}”",
    "confidence": "Only {share} of what the text states is supported by its sources.",
    "no_sources": "The text names no source.",
    "unread": "{note}; the text rests on {count} other sources.",
    "unread_one": "{note}; the text rests on one other source.",
    "publish": "Publish “{title}”",
}


class Citation(BaseModel):
    """`n` as in "[n]" in the text; `source` is a URL or a path below knowledge/."""

    model_config = ConfigDict(frozen=True)

    n: int = Field(ge=1)
    source: str
    title: str = ""


class Request(BaseModel):
    """`confidence` is the fact-checker's share of supported statements (0 to 1), `hits` the editor's, `unread` the
    researcher's notes on pages that were named and could not be read."""

    model_config = ConfigDict(frozen=True)

    title: str = Field(min_length=1)
    summary: str = ""
    markdown: str = Field(min_length=1)
    citations: list[Citation] = []
    hits: list[dict[str, Any]] = []
    confidence: float | None = None
    unread: list[str] = []
    offline: bool = False
    language: str = "en"


class Result(BaseModel):
    """`reasons` force a card, each a sentence for the operator; none means that policy alone decides."""

    model_config = ConfigDict(frozen=True)

    proposals: list[Proposal]
    reasons: list[str]
    confidence: float | None


async def run(request: Request, kit: Kit) -> Result:
    taken = set(await kit.use("site.slugs"))
    business = await kit.use("business.get")
    title = " ".join(request.title.split())
    sources = [_source(citation) for citation in sorted(request.citations, key=lambda citation: citation.n)]
    count = len({citation.source for citation in request.citations})
    payload = {
        "slug": unique(slugify(title, fallback="post"), taken),
        "title": title,
        "summary": " ".join(request.summary.split()),
        "markdown": cited_once(without_sources(request.markdown)),
        "language": request.language,
        "author": business.get("owner") or business.get("name") or "",
        "tags": [],
        "sources": sources,
        "note": _counted(_NOTE, _known(request.language), count) if request.offline else "",
        "date": "⟦date⟧",
    }
    proposal = Proposal(
        system="site",
        verb="publish",
        slot="post",
        title=_CARD["publish"].format(title=title),
        payload=payload,
        assigned={"date": "today"},
        fill=("/date",),
    )
    return Result(proposals=[proposal], reasons=_reasons(request, count), confidence=_confidence(request, count))


def _source(citation: Citation) -> dict[str, Any]:
    """A file of the operator's is named by its title only: its path is nobody's business."""
    public = citation.source.lower().startswith(("https://", "http://"))
    title = citation.title or (citation.source if public else citation.source.rpartition("/")[2].rpartition(".")[0])
    return {"n": citation.n, "title": title or citation.source, "url": citation.source if public else None}


def _reasons(request: Request, count: int) -> list[str]:
    asking = [hit for hit in request.hits if hit.get("severity", "card") != "note"]
    reasons = [_hit(hit) for hit in asking]
    if request.confidence is not None and request.confidence < CONFIDENT:
        reasons.append(_CARD["confidence"].format(share=f"{int(request.confidence * 100)} %"))
    reasons += [_counted(_CARD, "unread", count, note=note) for note in request.unread]
    if not request.citations:
        reasons.append(_CARD["no_sources"])
    if request.offline:
        reasons.append(_counted(_CARD, "offline", count))
    return reasons


def _confidence(request: Request, count: int) -> float | None:
    """The checker's, less the share of the sources that were named and could not be read."""
    if request.confidence is None or not request.unread:
        return request.confidence
    return round(request.confidence * count / (count + len(request.unread)), 3)


def _counted(words: dict[str, str], name: str, count: int, **more: str) -> str:
    return words[f"{name}_one" if count == 1 else name].format(count=count, **more)


def _known(language: str) -> str:
    code = language[:2].lower()
    return code if code in _NOTE else "en"


def _hit(hit: dict[str, Any]) -> str:
    """A rule that could not be applied was hit by no sentence: its message says what is wrong with it."""
    if not hit.get("sentence") and (message := str(hit.get("message", ""))):
        return f"{message[0].upper()}{message[1:]}."
    return _CARD["hit"].format(rule=hit.get("rule", "?"), sentence=hit.get("sentence", ""))
