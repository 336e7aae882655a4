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
    kpi="posts that stay up unrevised for 30 days",
)

CONFIDENT = 0.7
"""Below this share of supported statements a card asks."""

_NOTE = {
    "en": "Composed offline from {count} of the author's own sources, without a language model.",
    "de": "Ohne Sprachmodell aus {count} eigenen Quellen der Autorin oder des Autors zusammengestellt.",
}
"""Stands on the page, in its language. What stands on the card is in the card's: one language a frame."""
_CARD = {
    "offline": "The text was composed offline from {count} of your own sources, without a language model.",
    "hit": "Rule {rule} is hit: “{sentence}”",
    "confidence": "Only {share} of what the text states is supported by its sources.",
    "no_sources": "The text names no source.",
    "publish": "Publish “{title}”",
}


class Citation(BaseModel):
    """`n` as in "[n]" in the text; `source` is a URL or a path below knowledge/."""

    model_config = ConfigDict(frozen=True)

    n: int = Field(ge=1)
    source: str
    title: str = ""


class Request(BaseModel):
    """`confidence` is the fact-checker's share of supported statements (0 to 1), `hits` the editor's."""

    model_config = ConfigDict(frozen=True)

    title: str = Field(min_length=1)
    summary: str = ""
    markdown: str = Field(min_length=1)
    citations: list[Citation] = []
    hits: list[dict[str, Any]] = []
    confidence: float | None = None
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
        "note": _note(request.language).format(count=count) if request.offline else "",
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
    return Result(proposals=[proposal], reasons=_reasons(request, count), confidence=request.confidence)


def _source(citation: Citation) -> dict[str, Any]:
    """A file of the operator's is named by its title only: its path is nobody's business."""
    public = citation.source.lower().startswith(("https://", "http://"))
    title = citation.title or (citation.source if public else citation.source.rpartition("/")[2].rpartition(".")[0])
    return {"n": citation.n, "title": title or citation.source, "url": citation.source if public else None}


def _reasons(request: Request, count: int) -> list[str]:
    asking = [hit for hit in request.hits if hit.get("severity", "card") != "note"]
    reasons = [_CARD["hit"].format(rule=hit.get("rule", "?"), sentence=hit.get("sentence", "")) for hit in asking]
    if request.confidence is not None and request.confidence < CONFIDENT:
        reasons.append(_CARD["confidence"].format(share=f"{int(request.confidence * 100)} %"))
    if not request.citations:
        reasons.append(_CARD["no_sources"])
    if request.offline:
        reasons.append(_CARD["offline"].format(count=count))
    return reasons


def _note(language: str) -> str:
    return _NOTE.get(language[:2].lower(), _NOTE["en"])
