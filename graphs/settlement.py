"""After every pass: did something fail for good, is everything done, or what does the task wait for?

Done is believed only with receipts; what failed for good is unwound in reverse, durably, once; everything else parks.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from agentos.effects.port import Found
from agentos.errors import Permanent
from agentos.events.record import NewEvent
from agentos.events.types import ApprovalRequested, ApprovalWithdrawn, TaskCompleted, TaskFailed, TaskParked
from agentos.ids import uuid7
from agentos.reconcile.closing import ending, failing
from agentos.tasks.cards import request, spent
from agentos.tasks.doubt import look
from agentos.tasks.items import is_undone, receipt_of, undo_item
from agentos.tasks.numbers import voided_numbers
from agentos.tasks.performing import left_standing, perform
from agentos.tasks.plan import Step
from agentos.tasks.reservations import settled_in_full
from agentos.tasks.run import TaskRun
from agentos.tasks.signals import Until
from agentos.tasks.state import EffectState
from graphs.merging import Contradiction, merged_outcome

UNWIND = Step(id="unwind", kind="effects")
MOST_TRIES = 3


async def settle(run: TaskRun) -> bool:
    """Close, or record why the task is parked. True when this worker has nothing more to do."""
    failed = failed_steps(run)
    if failed:
        return await _unwind(run, failed[0])
    if all(run.state.step(step.id).status == "completed" for step in run.plan.steps):
        return await _complete(run)
    why = _waiting(run)
    if not why:
        return False
    await park(run, why)
    return True


def failed_steps(run: TaskRun) -> list[str]:
    """Steps that failed for good, and about which no card asks."""
    return [id for id, step in run.state.steps.items() if step.status == "failed" and not _asks(run, id)]


async def park(run: TaskRun, why: list[dict[str, Any]]) -> None:
    """Record what the task waits for; the same wait is recorded once."""
    if run.state.status == "parked" and run.state.parked == why:
        return
    await run.record_open(run.event(TaskParked(why=why)))


def _asks(run: TaskRun, step: str) -> bool:
    return any(card.step == step for card in run.state.open_cards())


def _waiting(run: TaskRun) -> list[dict[str, Any]]:
    why: list[dict[str, Any]] = []
    for card in run.state.open_cards():
        kind = "approval" if card.kind in ("effects", "budget") else card.kind
        why.append({"kind": kind, "on": card.id, "until": None, "why": card.title})
    for id, until in run.waiting.items():
        why.append({"kind": "until", "on": id, "until": until.at.isoformat(), "why": until.why})
    for id, step in run.state.steps.items():
        if step.status == "waiting" and step.retry_at is not None and id not in run.waiting:
            text = step.reasons[0] if step.reasons else step.code
            why.append({"kind": "backoff", "on": id, "until": step.retry_at.isoformat(), "why": text})
    return why


# -- the good end


async def _complete(run: TaskRun) -> bool:
    try:
        outcome = {} if run.ignore_merge else merged_outcome(run)
    except Contradiction as error:
        return await _contradicted(run, error)
    missing = [e.data["title"] for e in run.state.effects.values() if e.status in ("started", "in_doubt", "waiting")]
    if missing:  # "done" without a receipt is not done
        return await _unwind(run, run.plan.steps[-1].id, f"no receipt for {missing[0]}")
    actual = _actual(run) | {"outcome": outcome}
    fact = TaskCompleted(summary=_summary(run), actual=actual)
    repaired = ending(run.platform.log, run.state)
    await run.record_end(*settled_in_full(run.state), run.event(fact, key=f"task.closed/{run.task}"), *repaired)
    await note_end(run)
    return True


async def note_end(run: TaskRun) -> None:
    """Keep the hash of its end outside the log, so that a cut tail is found. A help, never a reason to fail a task."""
    if run.newest is not None:
        with suppress(OSError):
            await run.platform.store.witness.noted(run.newest.seq, run.newest.hash)


async def _contradicted(run: TaskRun, error: Contradiction) -> bool:
    """Parallel steps disagree: the operator decides, never who wrote last."""
    last = run.plan.steps[-1].id
    answer = run.state.step(last).answers.get("decision")
    if answer == "accept":
        run.ignore_merge = True
        return await _complete(run)
    if answer == "cancel":
        return await _unwind(run, last, f"given up: {error} for {error.field}")
    title = f"Parallel steps contradict each other on {error.field}"
    reasons = [{"code": "merge.contradiction", "text": str(error)}]
    await request(run, last, kind="failure", title=title, reasons=reasons, choices=("accept", "cancel"))
    await park(run, _waiting(run))
    return True


def _summary(run: TaskRun) -> str:
    if run.state.rehearsal:
        return f"{run.plan.title}: rehearsed, nothing was done outside"
    refs = [
        f"{e.data['title']} ({(e.receipt or {}).get('ref', '')[:40]})" for e in run.state.effects.values() if e.is_done
    ]
    return f"{run.plan.title}: " + "; ".join(refs) if refs else run.plan.title


def _actual(run: TaskRun) -> dict[str, Any]:
    state = run.state
    opened = state.opened_at or run.now()
    return {
        "workflow": run.plan.workflow,
        "cost": spent(run),
        "tokens": state.tokens,
        "model_calls": state.model_calls,
        "minutes": round((run.now() - opened).total_seconds() / 60, 2),
        "interruptions": len(state.cards),
    }


# -- the bad end


async def _unwind(run: TaskRun, failed: str, because: str = "") -> bool:
    """Take back, newest first, what was done; then close the task as failed, saying what was taken back and what
    stands."""
    step = run.state.step(failed)
    why = because or "; ".join(step.reasons) or step.code or "it failed"
    unwound: list[str] = []
    stands: list[str] = []
    for effect in sorted(run.state.effects.values(), key=lambda e: e.seq, reverse=True):
        title = effect.data["title"]
        if effect.data["undoes"] or not await _happened(run, effect, stands):
            continue
        taken_back = await _taken_back(run, effect.key)
        if taken_back is None:
            await park(run, _waiting(run))
            return True
        (unwound if taken_back else stands).append(title)
    failed_fact = TaskFailed(code=step.code, why=why, unwound=unwound, stands=stands)
    events = [*settled_in_full(run.state), run.event(failed_fact, key=f"task.closed/{run.task}")]
    for card in run.state.open_cards():
        events.append(
            run.event(ApprovalWithdrawn(card=card.id, why="the task failed"), key=f"approval.withdrawn/{card.id}")
        )
    if step.code != "approval.denied":  # who denied it knows
        events.append(_notice(run, step.code, why, unwound, stands))
    unused = [effect for effect in run.state.effects.values() if effect.status in ("waiting", "failed")]
    events += voided_numbers(run.platform.log, run.task, unused, step.code or "task.failed")
    events += failing(run.platform.log, run.state, step.code, why)
    await run.record_end(*events)
    await note_end(run)
    return True


def _notice(run: TaskRun, code: str, why: str, unwound: list[str], stands: list[str]) -> NewEvent:
    """A card that asks for nothing but to be seen: what failed, what was taken back, what still stands."""
    reasons = [{"code": code, "text": why, "about": ""}]
    reasons += [{"code": "undo.done", "text": f"Taken back: {title}", "about": title} for title in unwound]
    reasons += [{"code": "undo.stands", "text": f"Still stands: {title}", "about": title} for title in stands]
    title = f"Failed: {run.plan.title}"
    fact = ApprovalRequested(
        card=uuid7(int(run.now().timestamp() * 1000)),
        kind="failure",
        step=UNWIND.id,
        title=title,
        reasons=reasons,
        question={"slot": "notice", "text": title, "choices": ["seen"]},
        body={"notice": True, "spent": spent(run)},
    )
    return run.event(fact, key=f"approval.requested/{run.task}/notice")


async def _happened(run: TaskRun, effect: EffectState, stands: list[str]) -> bool:
    """Whether there is something to take back. What had begun and has no end is looked up first."""
    if receipt_of(run.platform.log, effect.key) is not None:
        return True
    if effect.status not in ("started", "in_doubt"):
        return False
    if isinstance(await look(run, effect), Found):
        return True
    stands.append(f"{effect.data['title']} (in doubt)")
    return False


async def _taken_back(run: TaskRun, key: str) -> bool | None:
    """True when undone; False when nothing can undo it, or the operator leaves it; None while it has to wait."""
    if is_undone(run.platform.log, key):
        return True
    if _busy(run):
        return None
    try:
        item = undo_item(run, key)
        for _ in range(MOST_TRIES):  # a second one after it was found that a lost worker had not done it
            if left_standing(run, item):
                return False
            if await perform(run, UNWIND, item, "unwind"):
                return True
            if _busy(run):
                return None
    except Permanent:
        return False
    except Until as until:
        run.waiting[UNWIND.id] = until
        return None
    return False


def _busy(run: TaskRun) -> bool:
    return UNWIND.id in run.waiting or any(card.step == UNWIND.id for card in run.state.open_cards())
