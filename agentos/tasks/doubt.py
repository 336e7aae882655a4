"""What became of a start without an end: look first; repeat only where that is safe; otherwise the operator says."""

from __future__ import annotations

from typing import Any

from agentos.effects.port import Absent, Found, Receipt, Unknown
from agentos.errors import InDoubt, Permanent, Transient
from agentos.events.record import NewEvent
from agentos.events.types import EffectFailed, EffectFound, EffectInDoubt
from agentos.tasks import cards
from agentos.tasks.items import Item, filled, started_of, system_of
from agentos.tasks.numbers import voided_numbers
from agentos.tasks.run import TaskRun
from agentos.tasks.state import EffectState, fold
from agentos.tasks.values import unpack

UNSURE = "effect.unsure"
"""An earlier try may have acted: a failure of the repeat says nothing about that one, and never counts as "not
done"."""
FALLEN = "effect.fallen"
"""What it rests on does not stand any more: it was not done, and what is proposed in its place is looked at anew."""
NOT_DONE = ("effect.lost", FALLEN, "effect.given_up")
"""Where an earlier try may have acted, these are recorded only once it is certain that it did not."""
LAST = "/last"
"""Ends the key of a failure that stands beside the passing one of the same try: there will be no other."""
CHOICES = ("look again", "it happened", "it did not happen")


def known_effect(run: TaskRun, key: str) -> EffectState | None:
    """What is known of an effect, whichever task began it last: an undo may have been tried by another one."""
    record = started_of(run.platform.log, key)
    if record is None or record.stream == run.stream:
        return run.state.effects.get(key)
    other = fold(record.stream.removeprefix("task/"), run.platform.log.read(stream=record.stream))
    effect = other.effects.get(key)
    if effect is not None:
        effect.elsewhere = not other.closed and (effect.status, effect.code) != ("failed", FALLEN)
    return effect


def payload_of(run: TaskRun, state: EffectState) -> dict[str, Any]:
    """The payload exactly as it was started: what policy let through, with what was assigned filled in."""
    record = started_of(run.platform.log, state.key)
    subject = record.subject if record is not None else run.subject
    data = state.data
    return filled(unpack(data["payload"], run.platform.blobs, subject) or {}, data["assigned"], data["fill"])


async def look(run: TaskRun, state: EffectState) -> Found | Absent | Unknown:
    """Ask the outside world, and record the receipt when it is there."""
    found: Found | Absent | Unknown
    try:
        system = system_of(run, state.data["system"])
        found = await run.off_loop(system.find, state.data["verb"], payload_of(run, state), state.key)
    except (Transient, InDoubt, Permanent, OSError) as error:
        found = Unknown(str(error))
    if isinstance(found, Found):
        await run.record(receipt_event(run, state, found.receipt))
    return found


def receipt_event(run: TaskRun, state: EffectState, receipt: Receipt) -> NewEvent:
    record = started_of(run.platform.log, state.key)
    fact = EffectFound(effect=state.key, receipt=receipt.model_dump(mode="json"))
    return run.event(fact, key=f"effect.done/{state.key}", subject=record.subject if record is not None else None)


async def recover(run: TaskRun, step: str, item: Item, state: EffectState) -> bool:
    """After a worker was lost in the middle. True when it turned out to be done; otherwise it is either free to be
    started anew (through the claim: stop, denial and policy count again) or in doubt with a card."""
    found = await look(run, state)
    if isinstance(found, Found):
        return True
    absent = isinstance(found, Absent) and item.verb.absence
    if absent or item.verb.repeat == "same":
        why = "the worker was lost before it happened" if absent else "the worker was lost; a repeat is safe"
        await run.record(failed_event(run, item, state, "transient", "effect.lost" if absent else UNSURE, why))
        return False
    why = found.why if isinstance(found, Unknown) and found.why else "it can't be told from outside whether it happened"
    await doubt(run, step, item, state, f"the worker was lost while it ran; {why}")
    return False


def failed_event(
    run: TaskRun, item: Item, state: EffectState, kind: Any, code: str, why: str, *, last: bool = False
) -> NewEvent:
    """A failure after which it may be tried at once (transient), or not at all (permanent). `last`: this try failed for
    a passing reason, which stands on record; now there will be no other."""
    retry_at = run.now() if kind == "transient" else None
    fact = EffectFailed(effect=item.key, attempt=state.attempt, kind=kind, code=code, why=why, retry_at=retry_at)
    key = f"effect.failed/{item.key}/{state.attempt}{LAST if last else ''}"
    return run.event(fact, key=key, subject=item.proposal.subject)


async def doubt(run: TaskRun, step: str, item: Item, state: EffectState, why: str, nth: int = 1) -> None:
    """The doubt and its card in one append: a doubt without a card would wait for ever."""
    fact = EffectInDoubt(effect=item.key, attempt=state.attempt, why=why)
    key = f"effect.in_doubt/{item.key}/{state.attempt}"
    event = run.event(fact, key=key, subject=item.proposal.subject)
    await cards.request(
        run,
        step,
        kind="doubt",
        title=f"Did it happen? {item.proposal.title}",
        reasons=[{"code": "effect.in_doubt", "text": why, "about": item.key}],
        choices=CHOICES,
        body={"effect": item.key, "attempt": state.attempt, "nth": nth},
        after=[event] if run.platform.log.by_key(key) is None else [],
    )


async def settle_doubt(run: TaskRun, step: str, item: Item, state: EffectState) -> bool:
    """The operator's word on this doubt, or another look. True when the receipt is recorded."""
    card = run.state.card_about("doubt", item.key)
    if card is None or card.data["body"].get("attempt") != state.attempt:
        await doubt(run, step, item, state, state.why)
        return False
    if card.status != "answered":
        return False
    if card.answer == "it did not happen":
        await _refuted(run, item, state)
        return False
    found = await look(run, state)
    if isinstance(found, Found):
        return True
    if card.answer == "it happened":
        receipt = Receipt(ref="confirmed by the operator", data=dict(state.data["assigned"]))
        await run.record(receipt_event(run, state, receipt))
        return True
    nth = int(card.data["body"].get("nth", 1)) + 1
    await doubt(run, step, item, state, "looked again, and it still can't be told", nth)
    return False


async def _refuted(run: TaskRun, item: Item, state: EffectState) -> None:
    """It did not happen, says the operator. An undo is tried again; anything else takes the next generation's key,
    because
    the outside may remember the old one, and is asked about anew."""
    why = "the operator says that it did not happen"
    if item.undoes is not None:
        await run.record(failed_event(run, item, state, "transient", "effect.refuted", why))
        return
    fact = EffectFailed(effect=item.key, attempt=state.attempt, kind="permanent", code="effect.refuted", why=why)
    refuted = run.event(fact, key=f"effect.refuted/{item.key}", subject=item.proposal.subject)
    await run.record(refuted, *voided_numbers(run.platform.log, run.task, [state], "effect.refuted"))
