"""One effect: claim, do, record. Durable points, each of which a process may die before or after: `effect.started` (the
claim) before `do`, `effect.done` after it."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any

from agentos.effects.port import Absent, Found, Receipt
from agentos.errors import InDoubt, Permanent, Refused, Transient
from agentos.events.log import Reader
from agentos.events.record import NewEvent, Record
from agentos.events.types import EffectDone, EffectFailed, EffectStarted, NumberAssigned, StepFailed
from agentos.outside import Outcome, backoff
from agentos.policy import Allow, decide
from agentos.tasks import cards
from agentos.tasks.assign import assigned_values
from agentos.tasks.doubt import (
    FALLEN,
    UNSURE,
    doubt,
    failed_event,
    known_effect,
    look,
    payload_of,
    recover,
    settle_doubt,
)
from agentos.tasks.facts import effect_action, effect_context
from agentos.tasks.gate import authority_of, fail_step, granted_reasons, newest_card
from agentos.tasks.items import Item, filled, receipt_of, started_of, taken_by_another
from agentos.tasks.numbers import voided_numbers
from agentos.tasks.plan import Step
from agentos.tasks.resting import fallen
from agentos.tasks.run import TaskRun
from agentos.tasks.signals import Until
from agentos.tasks.state import EffectState
from agentos.tasks.values import digest_of

MOST_ATTEMPTS = 8
"""Tries for a passing reason before the operator is asked whether to go on trying."""
BACKOFF_BASE, BACKOFF_CAP = 20.0, 3600.0
ELSEWHERE = timedelta(seconds=15)
MEND_ABOVE = {"site.slug_taken"}
"""Permanent failures that the proposing step can mend in another round: it makes another proposal, which asks anew."""
TAKEN, MEANWHILE = "effect.taken", "another task has done something else in its place meanwhile"
"""Its business slot was taken by another task between proposal and claim: proposed again, it is looked at anew."""
MOST_ROUNDS = 5


class Stale(Refused):
    """Between the look and the claim the operator did something (denied, edited), or another task began the effect:
    look again."""

    code = "effect.stale"


async def perform(run: TaskRun, step: Step, item: Item, authority: str | None) -> bool:
    """Do one effect, or find out what became of it. True when its receipt is recorded.

    authority: "operator" for what the operator asked for herself (undo), "unwind" for compensation; None asks policy.
    """
    before = started_of(run.platform.log, item.key)
    if taken_by_another(run, item):
        await send_back(run, step, item, TAKEN, MEANWHILE)
        return False
    if receipt_of(run.platform.log, item.key) is not None:
        return True
    state = known_effect(run, item.key)
    if state is not None and state.elsewhere:
        raise Until(run.now() + ELSEWHERE, f"{item.proposal.title}: another task is on it")
    if state is not None and state.status in ("started", "in_doubt"):
        return await find_out(run, step, item, state)
    if why := fallen(run.platform.log, item):
        return await _fall(run, step, item, state, why)
    if state is not None and state.status == "failed" and not await _take_up(run, step, item, state, before):
        return False
    if state is not None and state.status == "waiting" and not await _try_again(run, step, item, state):
        return False
    _hold(run, step, item, authority)
    _check_circuit(run, item)
    await _start(run, step, item, authority, before)
    return await _do(run, step, item, sure=state is None or state.code != UNSURE)


async def find_out(run: TaskRun, step: Step, item: Item, state: EffectState) -> bool:
    """What became of an effect that began and has no end. True when it is done."""
    if state.status == "started":
        return await recover(run, step.id, item, state)
    return await settle_doubt(run, step.id, item, state)


async def _fall(run: TaskRun, step: Step, item: Item, state: EffectState | None, why: str) -> bool:
    """What it rests on does not stand: back to the step that proposed it. True when an earlier try has done it."""
    if state is not None and state.status == "waiting":
        if not await _never_acted(run, step, item, state, why):
            return receipt_of(run.platform.log, item.key) is not None
        await _record_failed(run, item, state, FALLEN, why)
    await send_back(run, step, item, FALLEN, why)
    return False


async def _never_acted(run: TaskRun, step: Step, item: Item, state: EffectState, why: str) -> bool:
    """Whether no try of what waits for another one can have acted; otherwise its receipt is on record, or a doubt."""
    if state.code != UNSURE:
        return True
    found = await look(run, state)
    if isinstance(found, Absent) and item.verb.absence:
        return True
    if not isinstance(found, Found):
        await doubt(run, step.id, item, state, f"a lost worker may have done it; {why}")
    return False


async def _take_up(run: TaskRun, step: Step, item: Item, state: EffectState, before: Record | None) -> bool:
    """It failed for good. Another proposal is another thing, and so is another task's, and what fell before it was
    tried; anything else ends its step."""
    if item.undoes is not None:
        return await _undo_again(run, step, item, state)
    elsewhere = before is not None and before.stream != run.stream
    if elsewhere or state.code == FALLEN or state.data["approved"] != item.digest:
        return True
    await fail_step(run, step.id, "effect.failed", [f"{item.proposal.title}: {state.why}"])
    return False


async def _undo_again(run: TaskRun, step: Step, item: Item, state: EffectState) -> bool:
    """An undo that failed for good goes on when the operator says "retry"."""
    card = run.state.card_about("failure", item.key)
    if card is not None and card.data["body"].get("attempt") == state.attempt:
        return card.status == "answered" and card.answer == "retry"
    await _ask_about_undo(run, step, item, state, state.why)
    return False


async def _try_again(run: TaskRun, step: Step, item: Item, state: EffectState) -> bool:
    """After a passing failure: wait for its time; after many, ask whether to go on trying."""
    if state.retry_at is not None and run.now() < state.retry_at:
        raise Until(state.retry_at, f"{item.proposal.title} is tried again then: {state.why}")
    if state.attempt % MOST_ATTEMPTS:
        return True
    card = run.state.card_about("failure", item.key)
    if card is None or card.data["body"].get("attempt") != state.attempt:
        await cards.request(
            run,
            step.id,
            kind="failure",
            title=f"Tried {state.attempt} times: {item.proposal.title}",
            reasons=[{"code": "effect.tried", "text": state.why, "about": item.key}],
            choices=("retry", "give up"),
            body={"effect": item.key, "attempt": state.attempt},
        )
        return False
    if card.answer == "give up":
        why = f"given up after {state.attempt} tries"
        if await _never_acted(run, step, item, state, why):
            await _failed_for_good(run, step, item, state, "effect.given_up", why)
        return False
    return card.status == "answered"


def _hold(run: TaskRun, step: Step, item: Item, authority: str | None) -> None:
    """Outgoing mail is held for the window the workspace sets, before it is started; then policy is asked again."""
    minutes = run.platform.workspace.configuration.mail.hold_minutes
    if not item.verb.held or minutes == 0 or authority == "unwind":
        return
    card = newest_card(run, step.id)
    since = card.decided_at if card is not None and card.decided_at is not None else None
    release = (since or datetime.fromisoformat(run.state.step(step.id).now)) + timedelta(minutes=minutes)
    if run.now() < release:
        raise Until(release, f"{item.proposal.title} is held until then; `agentos cancel` recalls it")


def _check_circuit(run: TaskRun, item: Item) -> None:
    try:
        run.platform.circuits.check(item.system.account, run.now(), what=item.system.name)
    except Transient as error:
        raise Until(run.now() + timedelta(seconds=error.retry_after or BACKOFF_BASE), str(error)) from None


async def _start(run: TaskRun, step: Step, item: Item, authority: str | None, before: Record | None) -> None:
    """The claim: stop switch, lease, denial and policy are checked in the transaction that records the start, that
    the effect's newest start is still `before`, and that what it rests on stands."""
    packed = await run.pack(item.proposal.payload, item.proposal.subject)
    seen, granted = run.state.seq, granted_reasons(run, step.id, item)
    by = authority or authority_of(run, step.id, item)

    def on(reader: Reader) -> list[NewEvent]:
        _refuse_stale(run, reader, seen)
        _refuse_begun(reader, item, before)
        if why := fallen(reader, item):
            raise Stale(why)
        if run.state.rehearsal:
            raise Refused("a rehearsal does nothing outside", code="effect.rehearsal")
        if authority is None:
            context = effect_context(run, reader, item, granted)
            if not isinstance(decide(effect_action(run, item), context, run.platform.policy), Allow):
                raise Stale("policy has a new reason to ask")
        return _started_events(run, step, item, packed, by, reader)

    await run.claim(on)


def _refuse_stale(run: TaskRun, reader: Reader, seen: int) -> None:
    changed = ("approval.denied", "approval.edited", "approval.withdrawn", "approval.superseded", "approval.expired")
    if next(reader.read(after=seen, stream=run.stream, types=changed, limit=1), None) is not None:
        raise Stale("the operator answered meanwhile")


def _refuse_begun(reader: Reader, item: Item, before: Record | None) -> None:
    """Another task's lease is another: what it began since the look would be done, or unwound, a second time."""
    now = started_of(reader, item.key)
    began = now is not None and (before is None or now.seq != before.seq)
    if began or receipt_of(reader, item.key) is not None:
        raise Stale("another task began it meanwhile")


def _started_events(run: TaskRun, step: Step, item: Item, packed: Any, by: str, reader: Reader) -> list[NewEvent]:
    """The start, and the number it takes: assigned here and nowhere else, so that a denial leaves no gap.

    A try after a passing failure keeps what was assigned; after a failure for good, and after the end of the task that
    tried, the number is void, and a new one is taken.
    """
    before = started_of(reader, item.key)
    state = known_effect(run, item.key)
    proposal, numbers = item.proposal, list[NumberAssigned]()
    if before is not None and before.stream == run.stream and state is not None and state.status == "waiting":
        assigned = before.data["assigned"]
    else:
        assigned, numbers = assigned_values(run, item, reader)
    attempt = 1 if before is None else before.data["attempt"] + 1
    payload = filled(proposal.payload, assigned, proposal.fill)
    fact = EffectStarted(
        effect=item.key,
        attempt=attempt,
        step=step.id,
        source=item.source,
        slot=proposal.slot,
        system=proposal.system,
        account=item.system.account,
        verb=proposal.verb,
        title=proposal.title,
        approved=item.digest,
        payload=packed,
        payload_digest=digest_of(payload),
        assigned=assigned,
        fill=list(proposal.fill),
        after=list(proposal.after),
        authority=by,
        to=proposal.to,
        undoes=item.undoes,
        amounts=proposal.amounts.model_dump(mode="json") if proposal.amounts else None,
    )
    started = run.event(fact, key=f"effect.started/{item.key}/{attempt}", subject=proposal.subject or run.subject)
    taken = [
        number.on(f"number/{number.series}", key=f"number/{number.series}/{number.number}", correlation=run.task)
        for number in numbers
    ]
    return [*taken, started]


async def _do(run: TaskRun, step: Step, item: Item, *, sure: bool) -> bool:
    """Call the outside world with the recorded payload, and record what came of it. sure: no earlier try has acted."""
    state = run.state.effects[item.key]
    circuits, account = run.platform.circuits, item.system.account
    try:
        payload = payload_of(run, state)
        receipt: Receipt = await run.off_loop(item.system.do, item.proposal.verb, payload, item.key)
    except Transient as error:
        circuits.record(account, Outcome(ok=False, retry_after=error.retry_after), run.now())
        await _failed_for_now(run, step, item, state, error, error.code if sure else UNSURE)
    except Permanent as error:
        circuits.record(account, Outcome(ok=True), run.now())
        if sure:
            await _failed_for_good(run, step, item, state, error.code, str(error))
        else:
            await doubt(
                run, step.id, item, state, f"the worker was lost while it ran, and a repeat was refused: {error}"
            )
    except InDoubt as error:
        circuits.record(account, Outcome(ok=False), run.now())
        await doubt(run, step.id, item, state, str(error))
    except Exception as error:  # nobody foresaw it, so nobody knows how far it got; no interrupt comes out of a thread
        await doubt(run, step.id, item, state, f"{type(error).__name__}: {error}")
    else:
        circuits.record(account, Outcome(ok=True), run.now())
        done = EffectDone(effect=item.key, receipt=receipt.model_dump(mode="json"))
        await run.record(run.event(done, key=f"effect.done/{item.key}", subject=item.proposal.subject))
        return True
    return False


async def _failed_for_now(
    run: TaskRun, step: Step, item: Item, state: EffectState, error: Transient, code: str
) -> None:
    rng = random.Random(f"{item.key}/{state.attempt}")  # noqa: S311
    wait = backoff(state.attempt, base=BACKOFF_BASE, cap=BACKOFF_CAP, rng=rng, retry_after=error.retry_after)
    retry_at = run.now() + timedelta(seconds=max(wait, 1))
    fact = EffectFailed(
        effect=item.key, attempt=state.attempt, kind="transient", code=code, why=str(error), retry_at=retry_at
    )
    await run.record(run.event(fact, key=f"effect.failed/{item.key}/{state.attempt}", subject=item.proposal.subject))
    run.waiting[step.id] = Until(retry_at, f"{item.proposal.title} is tried again then: {error}")


async def _failed_for_good(run: TaskRun, step: Step, item: Item, state: EffectState, code: str, why: str) -> None:
    """Another round of the proposing step, a card, or the step's end."""
    await _record_failed(run, item, state, code, why)
    if item.undoes is not None:
        await _ask_about_undo(run, step, item, state, why)
    elif code in MEND_ABOVE:
        await send_back(run, step, item, code, why)
    else:
        await fail_step(run, step.id, code, [f"{item.proposal.title}: {why}"])


async def _record_failed(run: TaskRun, item: Item, state: EffectState, code: str, why: str) -> None:
    """For good, with the voiding of its number."""
    failed = failed_event(run, item, state, "permanent", code, why, last=state.status == "waiting")
    await run.record(failed, *voided_numbers(run.platform.log, run.task, [state], code))


async def send_back(run: TaskRun, step: Step, item: Item, code: str, why: str) -> None:
    """To the step that proposed it, for another proposal; after too many rounds it has failed."""
    if not item.source or run.state.step(item.source).round >= MOST_ROUNDS:
        return await fail_step(run, step.id, code, [f"{item.proposal.title}: {why}"])
    now = run.state.step(step.id)
    fact = StepFailed(
        step=step.id, round=now.round, attempt=now.attempt, kind="semantic", code=code, reasons=[why],
        redo=item.source,
    )  # fmt: skip
    await run.record(run.event(fact, key=f"step.failed/{run.task}/{step.id}/{now.round}/{now.attempt}"))
    return None


async def _ask_about_undo(run: TaskRun, step: Step, item: Item, state: EffectState, why: str) -> None:
    """An undo that fails for good parks with a card of what still stands."""
    await cards.request(
        run,
        step.id,
        kind="failure",
        title=f"Could not undo: {item.proposal.title}",
        reasons=[{"code": "undo.failed", "text": why, "about": item.key}],
        choices=("retry", "leave"),
        body={"effect": item.key, "attempt": state.attempt},
    )


def left_standing(run: TaskRun, item: Item) -> bool:
    """Whether the operator said "leave" about this undo."""
    card = run.state.card_about("failure", item.key)
    return card is not None and card.status == "answered" and card.answer == "leave"
