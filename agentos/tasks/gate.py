"""The gate before effects: everything left is decided about at once, so that one card asks for all of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from agentos.events.types import ApprovalGranted, StepFailed
from agentos.policy import Defer, NeedsApproval, Reason, Refuse, decide
from agentos.tasks import cards
from agentos.tasks.facts import effect_action, effect_context
from agentos.tasks.items import Item
from agentos.tasks.plan import Step
from agentos.tasks.run import TaskRun
from agentos.tasks.signals import Until
from agentos.tasks.state import CardState


def newest_card(run: TaskRun, step: str) -> CardState | None:
    return run.state.card_for(step, "effects")


def grants(run: TaskRun, step: str) -> list[CardState]:
    """All cards of this step that the operator granted: a later one adds to the earlier ones, it does not forget
    them."""
    return [c for c in run.state.cards.values() if c.step == step and c.kind == "effects" and c.status == "granted"]


def granted_reasons(run: TaskRun, step: str, item: Item) -> tuple[Reason, ...]:
    """The reasons that were shown wherever exactly this key and digest was granted."""
    found = []
    for card in grants(run, step):
        if card.granted.get(item.key) == item.digest:
            shown = [effect["reasons"] for effect in card.data["effects"] if effect["key"] == item.key]
            found += [Reason.from_json(reason) for reasons in shown for reason in reasons]
    return tuple(found)


def authority_of(run: TaskRun, step: str, item: Item) -> str:
    """The card that let it happen, or "policy"."""
    cards_for_it = [card.id for card in grants(run, step) if card.granted.get(item.key) == item.digest]
    return cards_for_it[-1] if cards_for_it else "policy"


def struck_slots(run: TaskRun, step: str, items: list[Item]) -> set[str]:
    """Slots that the operator struck out on any card, and those that rest on them."""
    keys = {key for card in grants(run, step) for key in card.struck}
    struck = {item.slot for item in items if item.key in keys}
    for item in items:  # in order, so that one pass is enough
        if struck & set(item.after):
            struck.add(item.slot)
    return struck


async def pass_gate(run: TaskRun, step: Step, left: list[Item]) -> bool:
    """True when everything left may start now. Otherwise a card is requested, or a wait or failure recorded."""
    card = newest_card(run, step.id)
    if card is not None and card.status in ("denied", "expired"):
        why = card.why or ("nobody answered in time" if card.status == "expired" else "no reason given")
        await fail_step(run, step.id, f"approval.{card.status}", [why])
        return False
    asking: dict[str, tuple[Reason, ...]] = {}
    for item in left:
        context = effect_context(run, run.platform.log, item, granted_reasons(run, step.id, item))
        decision = decide(effect_action(run, item), context, run.platform.policy)
        if isinstance(decision, Refuse):
            await fail_step(run, step.id, decision.code, [f"{decision.text} {decision.hint}".strip()])
            return False
        if isinstance(decision, Defer):
            raise Until(decision.until, decision.why.text)
        if isinstance(decision, NeedsApproval):
            asking[item.key] = decision.reasons
    if asking:
        await _request(run, step, left, asking)
    return not asking


async def _request(run: TaskRun, step: Step, left: list[Item], asking: dict[str, tuple[Reason, ...]]) -> None:
    """The card names all that is left; what does not ask again is shown with what it was granted for."""
    reasons = sorted({reason for group in asking.values() for reason in group})
    shown = {item.key: asking.get(item.key) or granted_reasons(run, step.id, item) for item in left}
    texts = {}
    for item in left:
        texts[item.key] = await run.pack(item.proposal.payload)
    approvals = run.platform.policy.approvals
    expires = run.now() + timedelta(hours=approvals.expires_hours)
    warns = (expires - timedelta(hours=approvals.warn_hours)).isoformat()
    confidence = min((item.confidence for item in left if item.confidence is not None), default=None)
    await cards.request(
        run,
        step.id,
        kind="effects",
        title=run.plan.title if len(left) > 1 else left[0].proposal.title,
        reasons=[reason.to_json() for reason in reasons],
        effects=[_described(item, shown[item.key]) for item in left],
        expires_at=expires,
        body={"payloads": texts, "confidence": confidence, "warns_at": warns},
    )
    if run.state.rehearsal:
        await _rehearse_grant(run, step, left)


async def _rehearse_grant(run: TaskRun, step: Step, left: list[Item]) -> None:
    """A rehearsal shows every card and answers it itself: nothing outside comes of it."""
    card = newest_card(run, step.id)
    if card is not None and card.status == "open":
        effects = [{"key": item.key, "digest": item.digest} for item in left]
        granted = ApprovalGranted(card=card.id, effects=effects, via="rehearsal")
        await run.record(run.event(granted, key=f"approval.granted/{card.id}", actor="rehearsal"))


def _described(item: Item, reasons: tuple[Reason, ...]) -> dict[str, Any]:
    proposal = item.proposal
    return {
        "key": item.key,
        "digest": item.digest,
        "slot": item.slot,
        "source": item.source,
        "system": proposal.system,
        "verb": proposal.verb,
        "title": proposal.title,
        "to": proposal.to,
        "after": list(item.after),
        "subject": proposal.subject,
        "amounts": proposal.amounts.model_dump(mode="json") if proposal.amounts else None,
        "reversible": item.verb.reversible,
        "undo": item.verb.undo,
        "reasons": [reason.to_json() for reason in reasons],
    }


async def fail_step(run: TaskRun, step: str, code: str, reasons: list[str]) -> None:
    state = run.state.step(step)
    fact = StepFailed(step=step, round=state.round, attempt=state.attempt, kind="permanent", code=code, reasons=reasons)
    await run.record(run.event(fact, key=f"step.failed/{run.task}/{step}/{state.round}/{state.attempt}"))
