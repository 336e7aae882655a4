"""`advance(task)`: replay what is recorded, do the next thing, record it. Everybody calls this one function."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta

from agentos.agent import Question
from agentos.errors import AgentOSError, Conflict, Refused, StorageError, WorkspaceError
from agentos.events.epoch import unobserved
from agentos.events.types import (
    ApprovalExpired,
    ApprovalWithdrawn,
    StepFailed,
    TaskFailed,
    TaskResumed,
)
from agentos.platform import RESTORED, Platform, Stopped
from agentos.reconcile.closing import failing
from agentos.tasks import cards
from agentos.tasks.lease import Lease, Taken
from agentos.tasks.plan import Step
from agentos.tasks.readiness import can_go_on
from agentos.tasks.reservations import settled_in_full
from agentos.tasks.run import TaskClosed, TaskRun, stream_of
from agentos.tasks.signals import NeedsCard, Until
from agentos.tasks.state import TaskState, fold
from agentos.tasks.steps import crashed, let_stand, refused_budget, run_step, unforeseen
from graphs.choreography import Context, choreograph
from graphs.intake import STEP as INTAKE
from graphs.planning import lane_opens, make_plan
from graphs.settlement import failed_steps, park, settle

MOST_PASSES = 60
"""Of one advance: every pass records something, so this is a guard against a fault of ours, not a limit of work."""


AGAIN = timedelta(minutes=1)


@dataclass(frozen=True)
class Advanced:
    """Where the task stands now. `busy`: another worker is on it. `stopped`: the switch is off, nothing was begun."""

    state: TaskState
    busy: bool = False
    stopped: str = ""


async def advance(platform: Platform, task: str, *, by: str = "advance", held: Lease | None = None) -> Advanced:
    """Take the task as far as it goes now. Ends successfully when it parks; never waits for a person or an hour.

    `held` is the task's lease where the caller has taken it before, and keeps it.
    Raises StorageError when our own log or blobs can't be written: the task stands as recorded, and goes on later.
    """
    try:
        with nullcontext(held) if held is not None else Lease(platform.store.leases, task) as lease:
            run = TaskRun(platform, task, lease)
            stopped = await go_on(run, by)
            return Advanced(run.state, stopped=stopped)
    except Taken:
        return Advanced(load(platform, task), busy=True)


def load(platform: Platform, task: str) -> TaskState:
    return fold(task, platform.log.read(stream=stream_of(task)))


async def go_on(run: TaskRun, by: str) -> str:
    """What `advance` does under the lease, and a replay on the record. Returns why nothing was begun, or ""."""
    try:
        return await _go_on(run, by)
    finally:
        run.flush()


async def _go_on(run: TaskRun, by: str) -> str:
    if unobserved(run.platform.log) is not None:  # not even a card expires before it is known what happened
        return RESTORED
    try:
        await _expire(run)
        if not can_go_on(run.state, run.now()):
            return ""
        if run.state.status == "parked":
            await run.record_open(run.event(TaskResumed(by=by)))
        if run.state.plan is None and not await _plan(run):
            return ""
        for _ in range(MOST_PASSES):
            if run.state.closed or await _pass(run):
                break
        else:
            again = (run.now() + AGAIN).isoformat()
            await park(
                run, [{"kind": "until", "on": "advance", "until": again, "why": "it keeps changing; tried again then"}]
            )
    except Stopped as stopped:
        return str(stopped)
    except TaskClosed:
        run.catch_up()
    except Refused as refused:
        if refused.code != "client.forgotten":
            raise
        fact = TaskFailed(code=refused.code, why=str(refused))
        await run.record(run.open_event(fact, key=f"task.closed/{run.task}"))
    return ""


async def _plan(run: TaskRun) -> bool:
    """True once the plan is recorded; otherwise the task is parked or failed, and says why."""
    if (given_up := _given_up(run)) is not None:
        return await _never_planned(run, "task.given_up", given_up)
    try:
        if await make_plan(run):
            return True
    except Question as question:
        await cards.ask(run, INTAKE, question)
    except NeedsCard as needs:
        await cards.request(run, INTAKE, kind=needs.kind, title=needs.title, reasons=needs.reasons)
    except Until as until:
        run.waiting[INTAKE] = until
    except (Refused, StorageError):
        raise
    except (
        WorkspaceError
    ) as error:  # a file of hers is wrong, half-edited perhaps: that is mended, not a reason to fail
        reasons = [{"code": error.code, "text": str(error), "about": error.where}]
        title = f"A file has to be mended first: {error.where or error.message}"
        await cards.request(run, INTAKE, kind="failure", title=title, reasons=reasons, choices=("retry", "cancel"))
    except AgentOSError as error:
        return await _never_planned(run, error.code, str(error))
    except Exception as error:  # a bug of ours: recorded, or every worker after this one would stumble over it again
        return await _never_planned(run, "plan.crashed", unforeseen(error))
    await _park_unplanned(run)
    return False


def _given_up(run: TaskRun) -> str | None:
    """Why nothing is to be planned any more: the operator refused the budget for it, or gave it up."""
    if (refused := refused_budget(run, INTAKE)) is not None:
        return refused
    card = run.state.card_for(INTAKE, "failure")
    return "the operator gave it up" if card is not None and card.answer == "cancel" else None


async def _never_planned(run: TaskRun, code: str, why: str) -> bool:
    failed = run.event(TaskFailed(code=code, why=why), key=f"task.closed/{run.task}")
    withdrawn = [
        run.event(ApprovalWithdrawn(card=card.id, why="the task failed"), key=f"approval.withdrawn/{card.id}")
        for card in run.state.open_cards()
    ]
    repair = failing(run.platform.log, run.state, code, why)
    await run.record_end(*settled_in_full(run.state), failed, *withdrawn, *repair)
    return False


async def _park_unplanned(run: TaskRun) -> None:
    from graphs.settlement import _waiting

    why = _waiting(run)
    if why:
        await park(run, why)
        return
    step = run.state.steps.get("plan")
    if step is not None and step.status == "failed":
        await _never_planned(run, step.code, "; ".join(step.reasons))


async def _pass(run: TaskRun) -> bool:
    """One run of the choreography and its settlement. True when there is nothing more to do now."""
    run.waiting.clear()
    run.refused = None
    await _take_answers(run)
    before = run.state.seq

    async def execute(id: str) -> str:
        step = run.plan.step(id)
        opens = lane_opens(run) if _uses_model(run, step) else None
        if opens is not None and run.state.step(id).status == "new":
            run.waiting[id] = Until(opens, "its deadline leaves time for the overnight lane")
            return "new"
        return await run_step(run, step)

    async def on_crash(id: str, error: BaseException) -> None:
        await crashed(run, id, error)

    parallel = int((run.state.estimate or {}).get("parallel") or 4)
    try:
        if not failed_steps(run):  # nothing more is begun while what was done is taken back
            await choreograph(run.plan, Context(execute, on_crash), parallel=parallel)
            if run.refused is not None:
                raise run.refused
        run.catch_up()
        return await settle(run) or run.state.seq == before
    except Conflict:
        run.catch_up()
        return False
    except Refused as refused:
        if refused.code != "effect.stale":
            raise
        run.catch_up()
        return False


def _uses_model(run: TaskRun, step: Step) -> bool:
    agent = run.platform.agents.get(step.agent)
    return agent is not None and agent.manifest.tier not in ("none", "offline")


async def _take_answers(run: TaskRun) -> None:
    """What the operator decided about failures: "accept" takes the step as done, "cancel" gives the task up."""
    for card in list(run.state.cards.values()):
        step = run.state.step(card.step)
        if card.kind != "failure" or card.status != "answered" or step.status not in ("failed", "new"):
            continue
        answer = step.answers.get("decision")
        if answer == "accept" and step.status == "failed":
            fact = let_stand(card.step, step.round, "accepted", step.reasons, step.confidence)
            await run.record(
                run.event(fact, key=f"step.completed/{run.task}/{card.step}/{step.round}", actor="operator")
            )
        elif answer == "cancel" and step.status == "new":
            failed = StepFailed(
                step=card.step, round=step.round, attempt=step.attempt, kind="permanent", code="task.given_up",
                reasons=["the operator gave it up"],
            )  # fmt: skip
            await run.record(run.event(failed, key=f"step.failed/{run.task}/{card.step}/{step.round}/{step.attempt}"))


async def _expire(run: TaskRun) -> None:
    """A card that nobody answered in its time: expired means denied."""
    now: datetime = run.now()
    for card in run.state.open_cards():
        if card.expires_at is not None and card.expires_at <= now:
            await run.record_open(run.event(ApprovalExpired(card=card.id), key=f"approval.expired/{card.id}"))
