"""The wrapper around every step: recorded? nothing to do. Otherwise ask policy, run the agent, record.

Expected failures never leave it: they become recorded outcomes or a park, so that a sibling branch is never cancelled.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from agentos.agent import Manifest, Question, Semantic, Tier
from agentos.errors import AgentOSError, Missing, Outside, Refused, StorageError, Transient
from agentos.events.types import StepCompleted, StepFailed
from agentos.models.errors import ModelAnswerError
from agentos.models.request import ModelTier
from agentos.outside import backoff
from agentos.platform import AgentModule
from agentos.tasks import cards
from agentos.tasks.kit import AgentKit
from agentos.tasks.plan import Step, resolve
from agentos.tasks.run import TaskClosed, TaskRun
from agentos.tasks.signals import NeedsCard, Parked, Until
from agentos.tasks.state import StepState

MOST_ATTEMPTS = 6
"""Tries of a step that fails for a passing reason, before that is taken as permanent."""
BACKOFF_BASE, BACKOFF_CAP = 30.0, 3600.0


async def run_step(run: TaskRun, step: Step) -> str:
    """Advance one step as far as it goes now, and return its status ("completed", "waiting", "failed", "new", ...)."""
    if run.state.closed:  # meanwhile, by the operator
        raise TaskClosed("the task is closed")
    state = run.state.step(step.id)
    if state.status in ("completed", "failed") or not ready(run, step, state):
        return state.status
    if (refused := refused_budget(run, step.id)) is not None:
        await _failed(run, step.id, state, "permanent", "approval.denied", [refused])
        return run.state.step(step.id).status
    try:
        if step.kind == "effects":
            from agentos.tasks.effects_step import carry_out

            await carry_out(run, step)
        else:
            await _run_agent(run, step)
    except (Refused, StorageError):
        raise  # stopped, cancelled, the lease is gone, the disk is full: the run ends here, and nothing was recorded
    except Question as question:
        await cards.ask(run, step.id, question)
    except Missing as missing:
        await cards.ask(run, step.id, Question(missing.where, str(missing)))
    except NeedsCard as needs:
        await cards.request(run, step.id, kind=needs.kind, title=needs.title, reasons=needs.reasons)
    except Until as until:
        run.waiting[step.id] = until
    except Parked:
        pass
    return run.state.step(step.id).status


def refused_budget(run: TaskRun, step: str) -> str | None:
    """Why the operator did not grant what this step's models would cost; None where she was not asked, or did."""
    card = run.state.card_for(step, "budget")
    return (
        (card.why or "the budget was not granted")
        if card is not None and card.status in ("denied", "expired")
        else None
    )


def ready(run: TaskRun, step: Step, state: StepState) -> bool:
    """Everything it needs is recorded, it is not backing off, and no open card holds it."""
    if any(run.state.step(need).status != "completed" for need in step.needs):
        return False
    if state.retry_at is not None and run.now() < state.retry_at:
        return False
    return not any(card.step == step.id and card.kind != "effects" for card in run.state.open_cards())


async def crashed(run: TaskRun, step_id: str, error: BaseException) -> None:
    """What nobody expected: a bug in an agent, say. Recorded as permanent, with the error's class and place."""
    if isinstance(error, Refused | StorageError):
        run.refused = error
        return
    await _failed(run, step_id, run.state.step(step_id), "permanent", "step.crashed", [unforeseen(error)])


def unforeseen(error: BaseException) -> str:
    """An error that nobody expected, with its class and the innermost place: a report of a bug in one line."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f" at {trace.tb_frame.f_code.co_name}:{trace.tb_lineno}" if trace is not None else ""
    return f"{type(error).__name__}{place}: {error}"


async def _run_agent(run: TaskRun, step: Step) -> None:
    agent = run.platform.agents.get(step.agent)
    request = _request(run, step, agent)
    if agent is None or request is None:
        return await _no_longer_fits(run, step)
    state = run.begin(step, tier_of(run, step, agent.manifest))
    kit = _kit(run, step, state, agent)
    try:
        result = await agent.run(request, kit)
    except Semantic as error:
        await _send_back(run, step, state, error.reasons, confidence=error.confidence)
    except ModelAnswerError as error:
        await _send_back(run, step, state, [str(error), *error.reasons], to=step.id)
    except Transient as error:
        await _try_later(run, step.id, state, error)
    except (Missing, Refused, StorageError):
        raise
    except AgentOSError as error:
        code = error.code if isinstance(error, Outside) else "step.failed"
        await _failed(run, step.id, state, "permanent", code, [str(error)])
    else:
        await _completed(run, step, state, kit, result)
    return None


def _request(run: TaskRun, step: Step, agent: AgentModule | None) -> BaseModel | None:
    if agent is None:
        return None
    inputs = {k: v for k, v in resolve(dict(step.inputs), run.known()).items() if v is not None}
    try:
        return agent.Request.model_validate(inputs)
    except ValidationError:
        return None


async def _no_longer_fits(run: TaskRun, step: Step) -> None:
    """The plan was made for an agent that no longer takes this input (an upgrade in between): the operator decides."""
    title = f"The agent {step.agent} no longer takes what step {step.id} was planned with"
    reason = {
        "code": "step.input",
        "text": f"Planned for {step.agent} {step.agent_version}. Retry after an update, or cancel.",
    }
    await cards.request(run, step.id, kind="failure", title=title, reasons=[reason], choices=("retry", "cancel"))


def tier_of(run: TaskRun, step: Step, manifest: Manifest, *, confidential: bool = False) -> Tier:
    """The tier this run of the step uses: the manifest's, moved by the task's knobs, "offline" where none is
    configured."""
    if manifest.tier == "none":
        return "none"
    confidential = confidential or (run.state.understanding or {}).get("sensitivity") == "confidential"
    wanted = step.tier or (run.state.estimate or {}).get("tier") or manifest.tier
    other = "large" if wanted == "small" else "small"
    for tier in ("local",) if confidential else (wanted, other, "local"):
        known = next((t for t in get_args(ModelTier) if t == tier), None)
        if known is not None and run.platform.models.available(known, confidential=confidential):
            return known  # type: ignore[no-any-return]
    return "offline"


def _kit(run: TaskRun, step: Step, state: StepState, agent: AgentModule) -> AgentKit:
    understanding = run.state.understanding or {}
    return AgentKit(
        run.caller(step.id, state.round, agent.manifest),
        agent.manifest,
        task=run.task,
        step=step.id,
        language=understanding.get("language") or "en",
        tier=state.tier,  # type: ignore[arg-type]
        now=datetime.fromisoformat(state.now),
        seed=state.seed,
        feedback=tuple(state.feedback),
        answers=dict(state.answers),
        confidential=understanding.get("sensitivity") == "confidential",
        insists=run.state.tier_is_chosen,
    )


async def _completed(run: TaskRun, step: Step, state: StepState, kit: AgentKit, result: BaseModel) -> None:
    output = result.model_dump(mode="json")
    packed = await run.pack(output)
    confidence = output.get("confidence")
    before = [run.state.step(need).labels for need in step.needs]
    if run.plan_is_a_models and any(not isinstance(v, str) or not v.startswith("$") for v in step.inputs.values()):
        before.append({"influenced_by": ["model"]})  # what stands in the plan itself is what a model wrote
    labels = {
        "influenced_by": sorted(kit.influences.union(*(label.get("influenced_by", ()) for label in before))),
        "holds": sorted(kit.holds.union(*(label.get("holds", ()) for label in before))),
    }
    fact = StepCompleted(
        step=step.id,
        round=state.round,
        output=packed,
        labels=labels,
        confidence=float(confidence) if confidence is not None else None,
        notes=[str(note) for note in output.get("notes") or ()],
    )
    key = f"step.completed/{run.task}/{step.id}/{state.round}"
    await run.record(run.event(fact, key=key, actor=f"agent:{step.agent}"))


async def _send_back(
    run: TaskRun,
    step: Step,
    state: StepState,
    reasons: list[str],
    to: str | None = None,
    confidence: float | None = None,
) -> None:
    """A semantic failure goes to the step that can mend it; when the rounds are used up, to the operator."""
    if to is None and _edited(run, step):
        fact = let_stand(step.id, state.round, "unsupported", reasons, confidence)
        return await run.record(run.event(fact, key=f"step.completed/{run.task}/{step.id}/{state.round}"))
    target = to or step.redo
    if target is not None and run.state.step(target).round < step.at_most:
        await _failed(run, step.id, state, "semantic", "step.semantic", reasons, redo=target)
        return
    await _failed(run, step.id, state, "semantic", "step.semantic", reasons, confidence=confidence)
    title = (
        f"{step.agent or step.id} is not satisfied after {state.round} rounds"
        if target
        else f"{step.id} came out wrong"
    )
    await cards.request(
        run,
        step.id,
        kind="failure",
        title=title.replace("_", "-"),
        reasons=[{"code": "step.semantic", "text": reason} for reason in reasons],
        choices=("retry", "accept", "cancel"),
    )
    return None


def let_stand(step: str, round: int, found: str, reasons: list[str], confidence: float | None) -> StepCompleted:
    """A refuted result that the operator lets stand. What nobody measured counts as no confidence at all: absence must
    not pass for certainty."""
    sure = 0.0 if confidence is None else confidence
    return StepCompleted(step=step, round=round, output={found: reasons, "confidence": sure}, confidence=sure)


def _edited(run: TaskRun, step: Step) -> bool:
    """Whether it judges the operator's own words: those are not sent back to an agent, the card names what was
    found."""
    steps = run.plan.steps if run.state.plan is not None else ()
    return any(run.state.step(other.id).patch and step.id in run.plan.downstream(other.id) for other in steps)


async def _try_later(run: TaskRun, step: str, state: StepState, error: Transient) -> None:
    if state.attempt >= MOST_ATTEMPTS:
        return await _failed(run, step, state, "permanent", error.code, [f"{error} (tried {state.attempt} times)"])
    wait = backoff(
        state.attempt,
        base=BACKOFF_BASE,
        cap=BACKOFF_CAP,
        rng=random.Random(state.seed + str(state.attempt)),  # noqa: S311
        retry_after=error.retry_after,
    )
    await _failed(
        run, step, state, "transient", error.code, [str(error)], retry_at=run.now() + timedelta(seconds=max(wait, 1))
    )


async def _failed(
    run: TaskRun,
    step: str,
    state: StepState,
    kind: Any,
    code: str,
    reasons: Sequence[str],
    *,
    retry_at: datetime | None = None,
    redo: str | None = None,
    confidence: float | None = None,
) -> None:
    fact = StepFailed(
        step=step,
        round=state.round,
        attempt=state.attempt,
        kind=kind,
        code=code,
        reasons=list(reasons),
        retry_at=retry_at,
        redo=redo,
        confidence=confidence,
    )
    await run.record(run.event(fact, key=f"step.failed/{run.task}/{step}/{state.round}/{state.attempt}"))
