"""The monitor: lays what was found in the views on the desk, once, with what it rests on and what can be done."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from agentos.agent import Kit, Manifest, Question
from agents.text.phrases import phrase

manifest = Manifest(
    role="monitor",
    version="1",
    outcome="What goes wrong slowly is told once, before it is dear.",
    failure_modes=(
        "a threshold that fits nobody: too many cards, or none; monitor.toml holds the figures",
        "what was found is over before it is read: its card is taken away again",
    ),
    unwound="Nothing to unwind: it only tells.",
    act="Follow its card; `agentos answer CARD seen` takes it away, `monitor.toml` sets the thresholds.",
    kpi="share of its cards after which something was done",
)

SEEN = "seen"
MOST_LISTED = 10
_ABOUT = {
    "invoice.overdue": ('agentos ask "Which invoices are overdue?"',),
    "effect.unfinished": ("agentos desk", "agentos resume"),
    "card.waiting": ("agentos desk",),
    "tasks.failing": ('agentos ask "Which tasks failed?"', "agentos doctor"),
    "cost.unusual": ('agentos ask "What did today cost?"', "agentos stop"),
    "agent.worse": ('agentos ask "Which agent fails most?"',),
    "invoices.none": ('agentos ask "Who owes me money?"',),
}
"""kind -> what can be done or looked at."""


class Found(BaseModel):
    """One finding: `seen` against `limit`, since `since`; `thing` is the key of a row of `view`."""

    model_config = ConfigDict(frozen=True)

    kind: str
    thing: str
    view: str
    seen: str
    limit: str
    since: str
    seqs: list[int] = []


class Request(BaseModel):
    model_config = ConfigDict(frozen=True)

    kind: str
    findings: list[Found] = Field(min_length=1)
    language: str = "en"


class Result(BaseModel):
    model_config = ConfigDict(frozen=True)

    kind: str
    findings: int
    said: str


async def run(request: Request, kit: Kit) -> Result:
    """Raises Question until the operator has said that she has seen it. Nobody has to: what is over goes by itself."""
    if SEEN not in kit.answers:
        title = _say(request, "", count=len(request.findings), first=request.findings[0])
        raise Question(SEEN, title, (SEEN,), tuple(_reasons(request)))
    return Result(kind=request.kind, findings=len(request.findings), said=kit.answers[SEEN])


def _reasons(request: Request) -> list[dict[str, str]]:
    each = [
        {"code": request.kind, "text": f"{_say(request, '.each', first=one)} ({_why(one)})", "about": one.thing}
        for one in request.findings[:MOST_LISTED]
    ]
    left = len(request.findings) - MOST_LISTED
    more = phrase(_language(request), "finding.more", count=left)
    each += [{"code": "monitor.more", "text": more, "about": ""}] if left > 0 else []
    ways = phrase(_language(request), "finding.ways", ways="; ".join(_ABOUT.get(request.kind, ())))
    limits = phrase(_language(request), "finding.limits")
    return [
        *each,
        {"code": "monitor.ways", "text": ways, "about": ""},
        {"code": "monitor.limits", "text": limits, "about": ""},
    ]


def _say(request: Request, form: str, *, first: Found, count: int = 0) -> str:
    values = {"thing": _short(first.thing), "seen": first.seen, "limit": first.limit, "since": first.since[:16]}
    return phrase(_language(request), f"finding.{request.kind}{form}", count=count, **values)


def _why(one: Found) -> str:
    """The command that shows the events behind it: of a row by its key, of a figure over many by their numbers."""
    keyed = one.view in ("invoices", "effects", "approvals", "tasks") and one.kind != "invoices.none"
    if keyed:
        return f"agentos why {one.view} {one.thing}"
    return f"events {', '.join(map(str, one.seqs[-3:]))}" if one.seqs else one.view


def _short(thing: str) -> str:
    return thing[-8:] if len(thing) == 36 and thing.count("-") == 4 else thing


def _language(request: Request) -> str:
    return "de" if request.language.startswith("de") else "en"
