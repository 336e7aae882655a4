"""Carrying out effects: gate them all, then one after the other claim, do, record the receipt.

Durable points, each of which a process may die before or after: `effect.started` (claim) before `do`; `effect.done`
after it. A start without an end is looked up in the outside world first, and repeated only where that is safe.
"""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any

from agentos.effects.port import Absent, Found, Receipt, Unknown
from agentos.errors import InDoubt, Permanent, Refused, Transient
from agentos.events.log import Reader
from agentos.events.record import NewEvent
from agentos.events.types import (
    EffectDone,
    EffectFailed,
    EffectFound,
    EffectInDoubt,
    EffectStarted,
    NumberAssigned,
    NumberVoided,
    StepCompleted,
    StepFailed,
)
from agentos.outside import Outcome, backoff
from agentos.policy import Allow, Defer, NeedsApproval, Reason, Refuse, decide
from agentos.tasks import cards
from agentos.tasks.assign import assigned_values
from agentos.tasks.facts import effect_action, effect_context
from agentos.tasks.items import Item, filled, items_of, receipt_of
from agentos.tasks.plan import Step
from agentos.tasks.run import TaskRun
from agentos.tasks.signals import Until
from agentos.tasks.state import CardState, EffectState
from agentos.tasks.values import digest_of, pack, unpack

MOST_ATTEMPTS = 8
BACKOFF_BASE, BACKOFF_CAP = 20.0, 3600.0


class Stale(Refused):
    """The operator did something (denied, edited) between the look and the claim: look again."""

    code = "effect.stale"


async def carry_out(run: TaskRun, step: Step, *, authority: str | None = None) -> None:
    """Advance an effects step: park on a card where policy asks, otherwise do what is left, in order.

    authority: "operator" for what the operator asked for herself (undo), "unwind" for compensation; None asks policy.
    """
    try:
        items = items_of(run, step)
    except Permanent as error:
        run.begin(step, "none")
        return await fail_step(run, step.id, error.code, [str(error)])
    if not run.state.step(step.id).now:
        run.begin(step, "none")
    if authority is None and run.state.trigger == "undo":
        authority = "operator"
    struck = _struck(run, step, items)
    left = [item for item in items if item.slot not in struck and receipt_of(run.platform.log, item.key) is None]
    for item in [item for item in left if _begun(run, item)]:  # found out before anything is asked about the rest
        if not await perform(run, step, item, authority):
            return None
        left.remove(item)
    if authority is None and not await _gate(run, step, left):
        return None
    if run.state.rehearsal:
        return await _complete(run, step, items, struck, rehearsed=True)
    for item in left:
        if not await perform(run, step, item, authority):
            return None
    return await _complete(run, step, items, struck)


def _begun(run: TaskRun, item: Item) -> bool:
    effect = run.state.effects.get(item.key)
    return effect is not None and effect.status in ("started", "in_doubt")


# -- the gate


def granting(run: TaskRun, step: str) -> CardState | None:
    return run.state.card_for(step, "effects")


def granted_reasons(run: TaskRun, step: str, item: Item) -> tuple[Reason, ...]:
    """The reasons on the newest card, where it granted exactly this key and digest."""
    card = granting(run, step)
    if card is None or card.status != "granted" or card.granted.get(item.key) != item.digest:
        return ()
    effect = next((e for e in card.data["effects"] if e["key"] == item.key), None)
    return tuple(Reason.from_json(reason) for reason in (effect or {}).get("reasons", ()))


async def _gate(run: TaskRun, step: Step, left: list[Item]) -> bool:
    """True when everything left may start now. Otherwise a card is requested, or a wait or failure recorded."""
    card = granting(run, step.id)
    if card is not None and card.status in ("denied", "expired"):
        why = card.why or ("nobody answered in time" if card.status == "expired" else "no reason given")
        await fail_step(run, step.id, f"approval.{card.status}", [why])
        return False
    asking: dict[str, tuple[Reason, ...]] = {}
    for item in left:
        granted = granted_reasons(run, step.id, item)
        decision = decide(
            effect_action(run, item), effect_context(run, run.platform.log, item, granted), run.platform.policy
        )
        if isinstance(decision, Refuse):
            await fail_step(run, step.id, decision.code, [f"{decision.text} {decision.hint}".strip()])
            return False
        if isinstance(decision, Defer):
            raise Until(decision.until, decision.why.text)
        if isinstance(decision, NeedsApproval):
            asking[item.key] = decision.reasons
    if asking:
        await _request(run, step, left, asking)
        return False
    return True


async def _request(run: TaskRun, step: Step, left: list[Item], asking: dict[str, tuple[Reason, ...]]) -> None:
    reasons = sorted({reason for group in asking.values() for reason in group})
    described = [_described(item, asking.get(item.key, ())) for item in left]
    title = run.plan.title if len(left) > 1 else left[0].proposal.title
    expires = run.now() + timedelta(hours=run.platform.policy.approvals.expires_hours)
    texts = {}
    for item in left:
        texts[item.key] = await run.off_loop(pack, item.proposal.payload, run.platform.blobs, run.subject)
    await cards.request(
        run, step.id, kind="effects", title=title, reasons=[reason.to_json() for reason in reasons], effects=described,
        expires_at=expires, body={"payloads": texts, "confidence": _confidence(run, step)},
    )  # fmt: skip
    if run.state.rehearsal:
        await _rehearse_grant(run, step, left)


async def _rehearse_grant(run: TaskRun, step: Step, left: list[Item]) -> None:
    """A rehearsal shows every card and answers it itself: nothing outside comes of it."""
    from agentos.events.types import ApprovalGranted

    card = granting(run, step.id)
    if card is not None and card.status == "open":
        effects = [{"key": item.key, "digest": item.digest} for item in left]
        granted = ApprovalGranted(card=card.id, effects=effects, via="rehearsal")
        await run.record(run.event(granted, key=f"approval.granted/{card.id}", actor="rehearsal"))
        await _complete(run, step, left, set(), rehearsed=True)


def _described(item: Item, reasons: tuple[Reason, ...]) -> dict[str, Any]:
    proposal = item.proposal
    return {
        "key": item.key,
        "digest": item.digest,
        "slot": item.slot,
        "system": proposal.system,
        "verb": proposal.verb,
        "title": proposal.title,
        "to": proposal.to,
        "subject": proposal.subject,
        "amounts": proposal.amounts.model_dump(mode="json") if proposal.amounts else None,
        "reversible": item.verb.reversible,
        "undo": item.verb.undo,
        "reasons": [reason.to_json() for reason in reasons],
    }


def _confidence(run: TaskRun, step: Step) -> float | None:
    found = [run.state.step(source).confidence for source in step.inputs.get("from", ())]
    return min((value for value in found if value is not None), default=None)


def _struck(run: TaskRun, step: Step, items: list[Item]) -> set[str]:
    """Slots that the operator struck out, and those that rest on them."""
    card = granting(run, step.id)
    keys = set(card.struck) if card is not None and card.status == "granted" else set()
    struck = {item.slot for item in items if item.key in keys}
    for item in items:  # in order, so that one pass is enough
        if struck & set(item.proposal.after):
            struck.add(item.slot)
    return struck


# -- one effect


async def perform(run: TaskRun, step: Step, item: Item, authority: str | None) -> bool:
    """Do one effect, or find out what became of it. True when its receipt is recorded."""
    state = run.state.effects.get(item.key)
    if state is not None and state.status == "started":
        return await _recover(run, step, item, state)
    if state is not None and state.status == "in_doubt" and not await _settle_doubt(run, step, item, state):
        return False
    if state is not None and state.status == "failed" and authority != "unwind" and not _retried(run, step, item):
        await fail_step(run, step.id, "effect.failed", [f"{item.proposal.title}: {state.why}"])
        return False
    if state is not None and state.retry_at is not None and run.now() < state.retry_at:
        raise Until(state.retry_at, f"{item.proposal.title} is tried again then: {state.why}")
    _hold(run, step, item, authority)
    _check_circuit(run, item)
    await _start(run, step, item, authority)
    return await _do(run, step, item)


def _retried(run: TaskRun, step: Step, item: Item) -> bool:
    """Whether the operator wants an undo that failed for good tried once more."""
    card = run.state.card_for(step.id, "failure")
    said = run.state.step(step.id).answers.get("decision")
    return item.undoes is not None and card is not None and card.status == "answered" and said == "retry"


def _hold(run: TaskRun, step: Step, item: Item, authority: str | None) -> None:
    """Outgoing mail is held for the window the workspace sets, before it is started; then policy is asked again."""
    minutes = run.platform.workspace.configuration.mail.hold_minutes
    if not item.verb.held or minutes == 0 or authority == "unwind":
        return
    card = granting(run, step.id)
    since = card.decided_at if card is not None and card.decided_at is not None else None
    state = run.state.step(step.id)
    release = (since or datetime.fromisoformat(state.now)) + timedelta(minutes=minutes)
    if run.now() < release:
        raise Until(release, f"{item.proposal.title} is held until then; `agentos cancel` recalls it")


def _check_circuit(run: TaskRun, item: Item) -> None:
    try:
        run.platform.circuits.check(item.system.account, run.now(), what=item.system.name)
    except Transient as error:
        raise Until(run.now() + timedelta(seconds=error.retry_after or BACKOFF_BASE), str(error)) from None


async def _start(run: TaskRun, step: Step, item: Item, authority: str | None) -> None:
    packed = await run.off_loop(pack, item.proposal.payload, run.platform.blobs, item.proposal.subject or run.subject)
    seen = run.state.seq
    granted = granted_reasons(run, step.id, item)
    card = granting(run, step.id)
    by = authority or (card.id if card is not None and item.key in card.granted else "policy")

    def on(reader: Reader) -> list[NewEvent]:
        _refuse_stale(run, reader, seen)
        if run.state.rehearsal:
            raise Refused("a rehearsal does nothing outside", code="effect.rehearsal")
        if authority is None:
            action = effect_action(run, item)
            decision = decide(action, effect_context(run, reader, item, granted), run.platform.policy)
            if not isinstance(decision, Allow):
                raise Stale("policy has a new reason to ask")
        return _started_events(run, step, item, packed, by, reader)

    await run.claim(on)


def _refuse_stale(run: TaskRun, reader: Reader, seen: int) -> None:
    changed = ("approval.denied", "approval.edited", "approval.withdrawn", "approval.superseded", "approval.expired")
    if next(reader.read(after=seen, stream=run.stream, types=changed, limit=1), None) is not None:
        raise Stale("the operator answered meanwhile")


def _started_events(run: TaskRun, step: Step, item: Item, packed: Any, by: str, reader: Reader) -> list[NewEvent]:
    """The start, and the number it takes: assigned here and nowhere else, so that a denial leaves no gap."""
    known = run.state.effects.get(item.key)
    again = known is not None and known.status == "waiting"
    attempt = 1 if known is None else known.attempt + 1
    proposal = item.proposal
    if again and known is not None:
        assigned, numbers = known.data["assigned"], list[NumberAssigned]()
    else:
        assigned, numbers = assigned_values(run, item, reader)
    payload = filled(proposal.payload, assigned, proposal.fill)
    fact = EffectStarted(
        effect=item.key, attempt=attempt, step=step.id, slot=item.slot, system=proposal.system,
        account=item.system.account, verb=proposal.verb, title=proposal.title, approved=item.digest, payload=packed,
        payload_digest=digest_of(payload),
        assigned=assigned, fill=list(proposal.fill), authority=by, to=proposal.to, undoes=item.undoes,
        amounts=proposal.amounts.model_dump(mode="json") if proposal.amounts else None,
    )  # fmt: skip
    subject = proposal.subject or run.subject
    started = run.event(fact, key=f"effect.started/{item.key}/{attempt}", subject=subject)
    assigned_events = [
        number.on(f"number/{number.series}", key=f"number/{number.series}/{number.number}", correlation=run.task)
        for number in numbers
    ]
    return [*assigned_events, started]


async def _do(run: TaskRun, step: Step, item: Item, *, sure: bool = True) -> bool:
    """Call the outside world with the recorded payload, and record what came of it.

    sure: that no earlier try has acted. Otherwise a failure of this one says nothing about that one: it never counts as
    "not done".
    """
    state = run.state.effects[item.key]
    payload = filled(
        unpack(state.data["payload"], run.platform.blobs, item.proposal.subject or run.subject),
        state.data["assigned"], state.data["fill"],
    )  # fmt: skip
    circuits, account = run.platform.circuits, item.system.account
    try:
        receipt: Receipt = await run.off_loop(item.system.do, item.proposal.verb, payload, item.key)
    except Transient as error:
        circuits.record(account, Outcome(ok=False, retry_after=error.retry_after), run.now())
        if not sure:
            why = f"{item.proposal.title} is looked up again then: {error}"
            raise Until(_retry_at(run, item, state, error), why) from None
        await _failed_for_now(run, step, item, state, error)
    except Permanent as error:
        circuits.record(account, Outcome(ok=True), run.now())
        if sure:
            await _failed_for_good(run, step, item, state, error.code, str(error))
        else:
            await _doubt(run, step, item, state, f"the worker was lost while it ran, and a repeat was refused: {error}")
    except InDoubt as error:
        circuits.record(account, Outcome(ok=False), run.now())
        await _doubt(run, step, item, state, str(error))
    except Exception as error:  # nobody foresaw it, so nobody knows how far it got; no interrupt comes out of a thread
        await _doubt(run, step, item, state, f"{type(error).__name__}: {error}")
    else:
        circuits.record(account, Outcome(ok=True), run.now())
        done = EffectDone(effect=item.key, receipt=receipt.model_dump(mode="json"))
        await run.record(run.event(done, key=f"effect.done/{item.key}", subject=item.proposal.subject))
        return True
    return False


async def _failed_for_now(run: TaskRun, step: Step, item: Item, state: EffectState, error: Transient) -> None:
    if state.attempt >= MOST_ATTEMPTS:
        why = f"{error} (tried {state.attempt} times)"
        return await _failed_for_good(run, step, item, state, error.code, why)
    retry_at = _retry_at(run, item, state, error)
    fact = EffectFailed(
        effect=item.key, attempt=state.attempt, kind="transient", code=error.code, why=str(error), retry_at=retry_at
    )
    await run.record(run.event(fact, key=f"effect.failed/{item.key}/{state.attempt}", subject=item.proposal.subject))
    run.waiting[step.id] = Until(retry_at, f"{item.proposal.title} is tried again then: {error}")
    return None


def _retry_at(run: TaskRun, item: Item, state: EffectState, error: Transient) -> datetime:
    rng = random.Random(f"{item.key}/{state.attempt}")  # noqa: S311
    wait = backoff(state.attempt, base=BACKOFF_BASE, cap=BACKOFF_CAP, rng=rng, retry_after=error.retry_after)
    return run.now() + timedelta(seconds=max(wait, 1))


async def _failed_for_good(run: TaskRun, step: Step, item: Item, state: EffectState, code: str, why: str) -> None:
    fact = EffectFailed(effect=item.key, attempt=state.attempt, kind="permanent", code=code, why=why)
    events = [run.event(fact, key=f"effect.failed/{item.key}/{state.attempt}", subject=item.proposal.subject)]
    for number in run.platform.log.read(correlation=run.task, types=("number.assigned",)):
        data = number.data
        if (
            data["effect"] == item.key
            and run.platform.log.by_key(f"number.voided/{data['series']}/{data['number']}") is None
        ):
            void = NumberVoided(series=data["series"], number=data["number"], text=data["text"], why=code)
            key = f"number.voided/{data['series']}/{data['number']}"
            events.append(void.on(number.stream, key=key, correlation=run.task))
    await run.record(*events)
    if item.undoes is None:
        await fail_step(run, step.id, code, [f"{item.proposal.title}: {why}"])
    else:
        await _undo_fails(run, step, item, why)


async def _undo_fails(run: TaskRun, step: Step, item: Item, why: str) -> None:
    """An undo that fails for good parks with a card of what still stands."""
    await cards.request(
        run, step.id, kind="failure", title=f"Could not undo: {item.proposal.title}",
        reasons=[{"code": "undo.failed", "text": why}], choices=("retry", "leave"),
    )  # fmt: skip


# -- what became of a start without an end


async def _recover(run: TaskRun, step: Step, item: Item, state: EffectState) -> bool:
    """A worker was lost between start and end: look, and repeat only where that is safe."""
    if await _look(run, item, state):
        return True
    absent = isinstance(run.looked, Absent) and item.verb.absence
    if absent or item.verb.repeat == "same":
        await run.claim(lambda _: [])  # a repeat acts, so the stop switch, the lease and the task's end count again
        return await _do(run, step, item, sure=absent)
    why = run.looked.why if isinstance(run.looked, Unknown) else "it can't be told from outside whether it happened"
    await _doubt(run, step, item, state, f"the worker was lost while it ran; {why}")
    return False


async def _look(run: TaskRun, item: Item, state: EffectState) -> bool:
    payload = filled(
        unpack(state.data["payload"], run.platform.blobs, item.proposal.subject or run.subject),
        state.data["assigned"], state.data["fill"],
    )  # fmt: skip
    try:
        run.looked = await run.off_loop(item.system.find, item.proposal.verb, payload, item.key)
    except (Transient, InDoubt, OSError) as error:
        run.looked = Unknown(str(error))
    if isinstance(run.looked, Found):
        found = EffectFound(effect=item.key, receipt=run.looked.receipt.model_dump(mode="json"))
        await run.record(run.event(found, key=f"effect.done/{item.key}", subject=item.proposal.subject))
        return True
    return False


async def _doubt(run: TaskRun, step: Step, item: Item, state: EffectState, why: str) -> None:
    nth = state.attempt
    fact = EffectInDoubt(effect=item.key, attempt=nth, why=why)
    await run.record(run.event(fact, key=f"effect.in_doubt/{item.key}/{nth}", subject=item.proposal.subject))
    await cards.request(
        run, step.id, kind="doubt", title=f"Did it happen? {item.proposal.title}",
        reasons=[{"code": "effect.in_doubt", "text": why}], choices=("look again", "it happened", "it did not happen"),
        body={"effect": item.key},
    )  # fmt: skip


async def _settle_doubt(run: TaskRun, step: Step, item: Item, state: EffectState) -> bool:
    """The operator's word on a doubt, or another look. True when the effect may be started anew."""
    card = run.state.card_for(step.id, "doubt")
    answer = run.state.step(step.id).answers.get("decision") if card is not None and card.status == "answered" else None
    if answer is None:
        return False
    if answer == "it did not happen":
        fact = EffectFailed(
            effect=item.key, attempt=state.attempt, kind="transient", code="effect.denied_by_operator",
            why="the operator says that it did not happen", retry_at=run.now(),
        )  # fmt: skip
        await run.record(
            run.event(fact, key=f"effect.failed/{item.key}/{state.attempt}", subject=item.proposal.subject)
        )
        return True
    if answer == "it happened":
        receipt = Receipt(ref="operator", data=dict(state.data["assigned"]))
        found = EffectFound(effect=item.key, receipt=receipt.model_dump(mode="json"))
        await run.record(run.event(found, key=f"effect.done/{item.key}", subject=item.proposal.subject))
        return False
    if not await _look(run, item, state):
        await _doubt(run, step, item, state, "looked again, and it still can't be told")
    return False


# -- the step's end


async def _complete(run: TaskRun, step: Step, items: list[Item], struck: set[str], *, rehearsed: bool = False) -> None:
    state = run.state.step(step.id)
    receipts = {}
    for item in items:
        receipt = receipt_of(run.platform.log, item.key)
        if receipt is not None:
            receipts[item.slot] = receipt.model_dump(mode="json")
    output = {
        "receipts": receipts,
        "struck": sorted(struck),
        "rehearsed": [i.proposal.title for i in items] if rehearsed else [],
    }
    packed = await run.off_loop(pack, output, run.platform.blobs, run.subject)
    fact = StepCompleted(step=step.id, round=state.round, output=packed)
    await run.record(run.event(fact, key=f"step.completed/{run.task}/{step.id}/{state.round}"))


async def fail_step(run: TaskRun, step: str, code: str, reasons: list[str]) -> None:
    state = run.state.step(step)
    fact = StepFailed(step=step, round=state.round, attempt=state.attempt, kind="permanent", code=code, reasons=reasons)
    await run.record(run.event(fact, key=f"step.failed/{run.task}/{step}/{state.round}/{state.attempt}"))
