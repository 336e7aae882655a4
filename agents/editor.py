"""The editor: tidies the typography, and says which sentences break a rule of style or compliance."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, ValidationError

from agentos.agent import Kit, Manifest
from agentos.capabilities.words import known
from agents.text.rulebook import Hit, Rule, compliance_hits, style_hits, tidied, unusable

manifest = Manifest(
    role="editor",
    version="1",
    outcome="The text is clean, and nothing in it gets the operator into trouble.",
    capabilities=("compliance.rules",),
    failure_modes=(
        "a forbidden claim, a missing disclosure, a long quotation, an image without licence: a hit that forces a card",
        "a rule of the operator's own that can't be read, or takes too long: a hit that says so, never silence",
    ),
    unwound="Nothing to unwind: the draft before it stays in the record.",
    act="Change the text with `agentos edit`, or the rule in `rules.toml`.",
    kpi="share of published texts the operator did not have to edit",
)


class Request(BaseModel):
    model_config = ConfigDict(frozen=True)

    title: str
    summary: str
    markdown: str
    language: str = "en"


class Result(BaseModel):
    """`changes` are the kinds of correction made; a "card" hit needs a person, "stop" is not published."""

    model_config = ConfigDict(frozen=True)

    title: str
    summary: str
    markdown: str
    changes: list[str]
    hits: list[Hit]
    confidence: float


async def run(request: Request, kit: Kit) -> Result:
    """Changes only typography: words, figures and their order stay, so that the checker judges what the drafter wrote.

    Confidence is 1.0 without a serious hit, less 0.2 for each "card", and 0.0 with a "stop".
    """
    language = known(request.language)
    own, unreadable = _own(await kit.use("compliance.rules"))
    title, in_title = tidied(request.title, language)
    summary, in_summary = tidied(request.summary, language)
    markdown, in_text = tidied(request.markdown, language)
    whole = f"# {title}\n\n{summary}\n\n{markdown}"
    hits = [*unreadable, *compliance_hits(whole, language, own), *style_hits(markdown, language)]
    hits = list(dict.fromkeys(hits))
    cards = sum(hit.severity == "card" for hit in hits)
    stopped = any(hit.severity == "stop" for hit in hits)
    return Result(
        title=title,
        summary=summary,
        markdown=markdown,
        changes=list(dict.fromkeys([*in_title, *in_summary, *in_text])),
        hits=hits,
        confidence=0.0 if stopped else round(max(0.0, 1 - 0.2 * cards), 2),
    )


def _own(given: list[dict[str, object]]) -> tuple[list[Rule], list[Hit]]:
    rules, unreadable = [], []
    for number, rule in enumerate(given, start=1):
        try:
            rules.append(Rule.model_validate(rule))
        except ValidationError as error:
            name = str(rule.get("rule", f"number {number}"))
            why = str(error.errors()[0]["msg"])
            unreadable.append(unusable(name, why))
    return rules, unreadable
