"""Carrying out a step's effects: find out about what had begun, gate what is left, then one after the other."""

from __future__ import annotations

from agentos.errors import Permanent
from agentos.events.types import StepCompleted
from agentos.tasks.doubt import known_effect
from agentos.tasks.gate import fail_step, pass_gate, struck_slots
from agentos.tasks.items import Item, items_of, receipt_of, taken_by_another, undo_items
from agentos.tasks.performing import MEANWHILE, TAKEN, find_out, left_standing, perform, send_back
from agentos.tasks.plan import Step
from agentos.tasks.run import TaskRun


async def carry_out(run: TaskRun, step: Step) -> None:
    """Advance an effects step: park on a card where policy asks, otherwise do what is left, in order."""
    if run.state.step(step.id).status != "started":
        run.begin(step, "none")
    try:
        items, stands = undo_items(run, step) if "undo" in step.inputs else (items_of(run, step), [])
    except Permanent as error:
        return await fail_step(run, step.id, error.code, [str(error)])
    if "undo" in step.inputs:
        return await _undo(run, step, items, stands)
    struck = struck_slots(run, step.id, items)
    for item in items:
        if item.slot not in struck and taken_by_another(run, item):
            return await send_back(run, step, item, TAKEN, MEANWHILE)
    left = [item for item in items if item.slot not in struck and receipt_of(run.platform.log, item.key) is None]
    if not await _begun_is_known(run, step, left):
        return None
    left = [item for item in left if receipt_of(run.platform.log, item.key) is None]
    if not await pass_gate(run, step, left) and not run.state.rehearsal:
        return None
    if not run.state.rehearsal:
        for item in left:
            if not await perform(run, step, item, None):
                return None
    elif run.state.step(step.id).status == "failed":
        return None
    return await _complete(run, step, items, struck=sorted(struck))


async def _begun_is_known(run: TaskRun, step: Step, left: list[Item]) -> bool:
    """Before anything is asked about the rest, what had begun is found out: a card must not ask about what has
    happened.

    False when one of them is in doubt, and has a card for it.
    """
    for item in left:
        state = known_effect(run, item.key)
        if state is None or state.elsewhere or state.status not in ("started", "in_doubt"):
            continue
        await find_out(run, step, item, state)
        after = known_effect(run, item.key)
        if after is not None and (after.status in ("started", "in_doubt") or after.code == "effect.refuted"):
            return False  # a refuted one has another key from now on: the next pass asks about that
    return True


async def _undo(run: TaskRun, step: Step, items: list[Item], stands: list[str]) -> None:
    """What the operator asked to be undone, newest first. What can't be is said, and does not hold up the rest."""
    for item in items:
        if left_standing(run, item):
            stands.append(f"{item.proposal.title}: left as it is")
        elif not await perform(run, step, item, "operator"):
            return None
    if not any(receipt_of(run.platform.log, item.key) for item in items):
        return await fail_step(run, step.id, "undo.nothing", stands)
    return await _complete(run, step, items, stands=stands)


async def _complete(
    run: TaskRun, step: Step, items: list[Item], *, struck: list[str] | None = None, stands: list[str] | None = None
) -> None:
    state = run.state.step(step.id)
    receipts = {}
    for item in items:
        receipt = receipt_of(run.platform.log, item.key)
        if receipt is not None:
            receipts[item.slot] = receipt.model_dump(mode="json")
    output = {
        "receipts": receipts,
        "struck": struck or [],
        "stands": stands or [],
        "rehearsed": [item.proposal.title for item in items] if run.state.rehearsal else [],
    }
    packed = await run.pack(output)
    fact = StepCompleted(step=step.id, round=state.round, output=packed)
    await run.record(run.event(fact, key=f"step.completed/{run.task}/{step.id}/{state.round}"))
