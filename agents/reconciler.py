"""The reconciler: says what differs between the log and the outside world, and proposes what mends it."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from agentos.agent import Kit, Manifest, Question
from agentos.effects.port import Proposal
from agentos.reconcile.closing import CHOICES

manifest = Manifest(
    role="reconciler",
    version="1",
    outcome="What was done outside stands as it was left, or as the operator wants it.",
    capabilities=("drift.get",),
    effects=("site.restore", "site.unpublish", "invoice.restore", "ledger.restore", "mail.recall"),
    failure_modes=(
        "Somebody changes it again after the repair: the operator is told once, and nothing is repaired twice.",
        "Nothing of ours can mend it: a card asks whether it stays.",
    ),
    unwound="What the repair replaced is kept beside it, in git, in the books or in books/invoices/replaced.",
    act="Approve the repair, or deny it with the reason why it should stay; `agentos reconcile` looks again.",
    kpi="differences that are still open after a day",
)

_REPLACES = "It replaces what somebody made of it; a no lets that stand."
_GONE = frozenset({"missing"})
"""Where nothing stands there is nothing to lose: policy alone decides whether it asks."""


class Request(BaseModel):
    """`drift` is the fingerprint."""

    model_config = ConfigDict(frozen=True)

    drift: str = Field(min_length=1)


class Result(BaseModel):
    """`reasons` force a card. No proposal: the operator has said what becomes of it, in `said`."""

    model_config = ConfigDict(frozen=True)

    proposals: list[Proposal] = []
    reasons: list[str] = []
    said: str = ""


async def run(request: Request, kit: Kit) -> Result:
    found = await kit.use("drift.get", fingerprint=request.drift)
    words = str(found["words"])
    if found["proposal"] is not None:
        proposal = Proposal.model_validate(found["proposal"])
        told = proposal.model_copy(update={"title": f"{words} {proposal.title}"})
        return Result(proposals=[told], reasons=[] if found["kind"] in _GONE else [_REPLACES])
    said = kit.answers.get("decision", "")
    if said not in CHOICES:
        raise Question("decision", f"{words} Nothing of AgentOS can mend that.", CHOICES)
    return Result(said=said)
