"""Planning: a goal becomes a plan. Known goals come from recipes; others from the planner, and are validated first."""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta
from decimal import Decimal
from statistics import median
from typing import Any, get_args

from pydantic import ValidationError

from agentos.agent import Question
from agentos.clock import micros
from agentos.errors import AgentOSError, WorkspaceError
from agentos.events.types import TaskPlanned
from agentos.intents.model import Understanding
from agentos.models.request import ModelRequest, ModelTier
from agentos.policy.hours import night
from agentos.reconcile.closing import subject_of
from agentos.tasks.facts import zone_of
from agentos.tasks.plan import Plan, Step
from agentos.tasks.run import TaskRun
from agentos.tasks.steps import run_step, tier_of
from graphs.intake import HIDDEN, common_subject, intake, intent_text
from graphs.recipes import check_inputs, load_shelf, to_plan

INTERNAL = ("planner", "reconciler", "monitor")
"""Agents that no plan of a model's may name."""
TIGHT = timedelta(hours=2)
MOST_ROUNDS = 3
MOST_REASONS = 300
"""Characters of a refused plan's faults that a question quotes."""
RECENT, MOST_RECENT = timedelta(days=60), 60
"""How far back, and over how many finished tasks, an estimate of the time looks."""
TYPICAL_PROMPT, TYPICAL_ANSWER = 6000, 1500
"""Characters and tokens of a middling call, for the estimate before a plan has run once."""


async def make_plan(run: TaskRun) -> bool:
    """Record the plan. False when a question or a wait stands before it; raises Question for the operator."""
    shelf = load_shelf(run.platform.workspace.recipes, run.platform.agents)
    recipes = shelf.recipes
    found = await intake(run, recipes, shelf.workflows)
    name = run.state.trigger if run.state.trigger in HIDDEN else found.workflow
    if name in shelf.broken and name not in HIDDEN:
        raise shelf.broken[name]
    recipe = recipes.get(name or "")
    plan = (
        to_plan(recipe, found.slots, run.platform.agents)
        if recipe is not None
        else await _planned(run, found, shelf.workflows)
    )
    if plan is None:
        return False
    fact = TaskPlanned(
        understanding=_sensible(run, found) | {"text": intent_text(run), "guessed": run.guessed},
        plan=plan.model_dump(mode="json"),
        estimate=estimate(run, plan, found),
    )
    subject = found.slots.get("client") or _planned_client(run, plan) or run.subject
    if run.state.trigger == "undo":
        subject = common_subject(run, found.slots["effects"])
    elif run.state.trigger == "repair":
        subject = subject_of(run.platform.log, intent_text(run))
    await run.claim(lambda _: [run.event(fact, key=f"task.planned/{run.task}", subject=subject)])
    return True


def _sensible(run: TaskRun, found: Understanding) -> dict[str, Any]:
    """The understanding as JSON; a confidential client makes it confidential, however the client came to be known."""
    client = run.platform.workspace.clients.get(str(found.slots.get("client")))
    confidential = found.sensitivity == "confidential" or (client is not None and client.confidential)
    return found.model_dump(mode="json", warnings=False) | {"sensitivity": "confidential" if confidential else "normal"}


def _planned_client(run: TaskRun, plan: Plan) -> str | None:
    """The client that a plan of the planner's names in its inputs: her key seals the task."""
    named = {v for step in plan.steps for v in step.inputs.values() if isinstance(v, str)}
    known = sorted(named & run.platform.workspace.clients.keys())
    return known[0] if known else None


# -- goals without a recipe


async def _planned(run: TaskRun, found: Understanding, workflows: set[str]) -> Plan | None:
    """Ask the planner, validate, and send back what does not hold, a few times; then it is the operator's.

    The step's own bound is never reached in one go: what is asked then is a question, not a card about a failure.
    """
    step = Step(
        id="plan", agent="planner", agent_version=run.platform.agents["planner"].manifest.version, redo="plan",
        at_most=3 * MOST_ROUNDS,
        inputs={
            "goal": found.goal, "language": found.language, "slots": found.slots, "agents": catalogue(run),
            "workflows": sorted(workflows - set(HIDDEN)),
        },
    )  # fmt: skip
    choices = tuple(sorted(workflows - set(HIDDEN)))
    if tier_of(run, step, run.platform.agents["planner"].manifest) == "offline":
        raise Question(
            "workflow", "I have no recipe for this, and no model to plan it with. Which of these is it?", choices
        )
    for _ in range(MOST_ROUNDS):
        if await run_step(run, step) != "new":
            break
    state = run.state.step("plan")
    if state.status == "new":
        raise _no_plan("; ".join(state.feedback), choices)
    if state.status != "completed":
        return None
    try:
        return validated(run, run.output("plan") or {}, found)
    except (ValidationError, AgentOSError) as error:
        raise _no_plan(first_of(error), choices) from None


def _no_plan(why: str, choices: tuple[str, ...]) -> Question:
    short = why if len(why) <= MOST_REASONS else f"{why[:MOST_REASONS]}…"
    return Question("workflow", f"I could not make a plan that holds ({short}). Which of these is it?", choices)


def validated(run: TaskRun, output: dict[str, Any], found: Understanding) -> Plan:
    """The planner's steps as a plan: checked against the manifests, with one effects step for all proposals at its
    end."""
    agents = run.platform.agents
    steps = []
    for raw in output.get("steps", []):
        if raw.get("agent") not in agents or raw.get("agent") in INTERNAL:
            raise WorkspaceError(f"there is no agent {raw.get('agent')!r}")
        version = agents[raw["agent"]].manifest.version
        chosen = {"id": raw["id"], "agent": raw["agent"], "inputs": raw["inputs"], "needs": raw["needs"]}
        steps.append(Step.model_validate(chosen | {"agent_version": version}))
    proposing = tuple(step.id for step in steps if agents[step.agent].manifest.effects)
    if proposing:
        steps.append(Step(id="deliver", kind="effects", needs=proposing, inputs={"from": list(proposing)}))
    plan = Plan(workflow="planned", title=found.goal, steps=tuple(steps))
    check_inputs(plan, agents, found.slots)
    return plan


def catalogue(run: TaskRun) -> list[dict[str, Any]]:
    """What the planner may plan with."""
    return [
        {
            "role": role,
            "outcome": module.manifest.outcome,
            "request_schema": module.Request.model_json_schema(),
            "result_fields": sorted(module.Result.model_fields),  # type: ignore[attr-defined]
        }
        for role, module in sorted(run.platform.agents.items())
        if role not in INTERNAL
    ]


def first_of(error: Exception) -> str:
    return error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)


# -- estimate and knobs


def estimate(run: TaskRun, plan: Plan, found: Understanding) -> dict[str, Any]:
    """How the task will be run, and what that takes: tier, parallelism, lane; cost, minutes, interruptions.

    A tight deadline pays for speed (large tier, all branches at once); a loose one, or a small budget, saves (small
    tier, one after the other, the overnight lane where models work). Minutes come from what the same workflow took
    before; None before the first.
    """
    tight, loose = _tight(run, found), _loose(run, found)
    models = any(_tier(run, step, None) in get_args(ModelTier) for step in plan.steps)
    tier = "large" if tight else "small" if loose else None
    cost = _cost(run, plan, tier)
    budget = run.state.budget
    if budget and cost is not None and tier != "small" and Decimal(cost["amount"]) > Decimal(budget["amount"]):
        tier = "small"
        cost = _cost(run, plan, tier)
    return {
        "tier": tier,
        "parallel": 8 if tight else 1 if loose else 4,
        "lane": "overnight" if loose and models else "now",
        "cost": cost,
        "minutes": _minutes(run, plan),
        "interruptions": sum(step.kind == "effects" for step in plan.steps),
    }


def _tight(run: TaskRun, found: Understanding) -> bool:
    return found.urgency == "high" or (run.state.by is not None and run.state.by - run.now() <= TIGHT)


def _loose(run: TaskRun, found: Understanding) -> bool:
    if _tight(run, found) or run.state.by is None:
        return False
    hours = run.platform.workspace.configuration.hours
    start = night(run.now(), zone_of(run), (hours.overnight_from, hours.overnight_to)) or run.now()
    return run.state.by >= start + timedelta(hours=8)


def lane_opens(run: TaskRun) -> datetime | None:
    """When model work of this task may begin: None is now, because it is night, not that lane, or the deadline
    presses."""
    if (run.state.estimate or {}).get("lane") != "overnight":
        return None
    hours = run.platform.workspace.configuration.hours
    start = night(run.now(), zone_of(run), (hours.overnight_from, hours.overnight_to))
    return None if start is None or (run.state.by is not None and run.state.by <= start) else start


def _tier(run: TaskRun, step: Step, tier: str | None) -> str:
    """The tier this step will use; "none" and "offline" use no model."""
    agent = run.platform.agents.get(step.agent)
    if agent is None or agent.manifest.tier in ("none", "offline"):
        return "none"
    return tier_of(run, step.model_copy(update={"tier": step.tier or tier}), agent.manifest)


def _cost(run: TaskRun, plan: Plan, tier: str | None) -> dict[str, str] | None:
    """What understanding and planning have cost, and middling calls for each model step. Offline and local work cost 0;
    None: no price is known."""
    total, currency = Decimal(0), "USD"
    for step in plan.steps:
        chosen = next((t for t in get_args(ModelTier) if t == _tier(run, step, tier)), None)
        if chosen is None:
            continue
        request = ModelRequest(tier=chosen, system="", prompt="x" * TYPICAL_PROMPT, max_tokens=TYPICAL_ANSWER)
        try:
            cost = run.platform.models.estimate(request).cost
        except AgentOSError:
            return None
        total += cost.amount * run.platform.agents[step.agent].manifest.calls
        currency = cost.currency
    return {"amount": str(total + run.state.spent.get(currency, Decimal(0))), "currency": currency}


def _minutes(run: TaskRun, plan: Plan) -> float | None:
    """What the last tasks like this one took, among the newest of the last weeks: the whole history only grows."""
    since = micros(run.now() - RECENT)
    newest = deque(run.platform.log.read(types=("task.completed",), since_micros=since), maxlen=MOST_RECENT)
    taken = [
        record.data["actual"]["minutes"]
        for record in newest
        if not record.forgotten and record.data["actual"].get("workflow") == plan.workflow
    ]
    return median(taken[-20:]) if taken else None
