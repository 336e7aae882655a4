"""Replaying a task: its recorded steps run again on recorded answers, calling nothing, and must say the same to the
byte."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from agentos.agent import Manifest, Question, Semantic
from agentos.errors import AgentOSError
from agentos.events.record import Record
from agentos.models.request import ModelRequest
from agentos.platform import Platform
from agentos.tasks.calls import call_key
from agentos.tasks.kit import AgentKit
from agentos.tasks.plan import Plan, Step, resolve
from agentos.tasks.run import stream_of
from agentos.tasks.state import StepState, TaskState, apply, fold
from agentos.tasks.values import canonical, unpack


@dataclass(frozen=True)
class Replayed:
    """One recorded step. `difference` is the first place where the replay says something else; None when it says the
    same."""

    step: str
    round: int
    same: bool
    difference: str | None = None


@dataclass
class ReplayReport:
    """`state_same`: folding the stream twice gives the same state, to the byte."""

    task: str
    steps: list[Replayed] = field(default_factory=list)
    events: int = 0
    state_same: bool = True
    forgotten: bool = False

    @property
    def same(self) -> bool:
        return self.state_same and all(step.same for step in self.steps)

    @property
    def first_difference(self) -> str | None:
        return next((f"step {s.step} (round {s.round}): {s.difference}" for s in self.steps if not s.same), None)


class NotRecorded(AgentOSError):
    """The replay asked for something that the first run did not: the agent does something else now."""

    code = "replay.not_recorded"


class RecordedCaller:
    """Answers from the record and from nothing else: no secrets, no sockets."""

    def __init__(self, platform: Platform, task: str, step: str, round: int) -> None:
        self._platform, self._task, self._step, self._round = platform, task, step, round

    async def tool(self, capability: str, arguments: dict[str, Any], request: str, nth: int) -> Any:
        return self._recorded(f"the tool {capability}", request, nth)

    async def model(self, request: ModelRequest, digest: str, nth: int) -> dict[str, Any]:
        answer: dict[str, Any] = self._recorded(f"a model of tier {request.tier}", digest, nth)
        return answer

    def _recorded(self, what: str, request: str, nth: int) -> Any:
        record = self._platform.log.by_key(call_key(self._task, self._step, self._round, request, nth))
        if record is None:
            raise NotRecorded(f"it asks {what} for something that was not asked then")
        return unpack(record.data.get("answer"), self._platform.blobs, record.subject)


async def replay(platform: Platform, task: str) -> ReplayReport:
    """Re-run every recorded agent step of the task, and compare. Raises nothing for a difference: the report says
    it."""
    records = list(platform.log.read(stream=stream_of(task)))
    report = ReplayReport(task, events=len(records), forgotten=any(record.forgotten for record in records))
    report.state_same = as_bytes(fold(task, records)) == as_bytes(fold(task, list(records)))
    state = TaskState(task)
    for record in records:
        if record.type == "step.completed" and not record.forgotten and record.actor.startswith("agent:"):
            step = _planned_step(state, record.data["step"])
            if step is not None:  # the planner's own step precedes the plan, and is checked by what it led to
                report.steps.append(await _replayed(platform, state, record, step))
        apply(state, record)
    return report


async def _replayed(platform: Platform, state: TaskState, record: Record, step: Step) -> Replayed:
    data = record.data
    step_id, round = data["step"], data["round"]
    recorded = unpack(data["output"], platform.blobs, record.subject)
    if recorded is None:
        return Replayed(step_id, round, True, None)
    agent = platform.agents.get(step.agent)
    if agent is None:
        return Replayed(step_id, round, False, "there is no such agent any more")
    inputs = {k: v for k, v in resolve(dict(step.inputs), _known(platform, state)).items() if v is not None}
    kit = _kit(platform, state, step_id, agent.manifest)
    try:
        result = await agent.run(agent.Request.model_validate(inputs), kit)
    except ValidationError as error:
        return Replayed(step_id, round, False, f"the agent no longer takes its input: {error.errors()[0]['msg']}")
    except (AgentOSError, Semantic, Question) as error:
        return Replayed(step_id, round, False, str(error))
    said = result.model_dump(mode="json")
    return Replayed(step_id, round, canonical(said) == canonical(recorded), first_difference(recorded, said))


def _planned_step(state: TaskState, id: str) -> Step | None:
    if state.plan is None:
        return None
    return next((step for step in Plan.model_validate(state.plan).steps if step.id == id), None)


def _known(platform: Platform, state: TaskState) -> dict[str, Any]:
    understanding = state.understanding or {}
    outputs = {}
    for id, step in state.steps.items():
        if step.status == "completed" and step.output is not None:
            value = unpack(step.output, platform.blobs, state.subject)
            outputs[id] = value | step.patch if isinstance(value, dict) else value
    intent = {"text": understanding.get("text"), "goal": understanding.get("goal")}
    slots = understanding.get("slots") or {}
    return outputs | {"intent": intent, "slots": slots, "language": understanding.get("language")}


def _kit(platform: Platform, state: TaskState, step: str, manifest: Manifest) -> AgentKit:
    now: StepState = state.step(step)
    understanding = state.understanding or {}
    return AgentKit(
        RecordedCaller(platform, state.id, step, now.round),
        manifest,
        task=state.id,
        step=step,
        language=understanding.get("language") or "en",
        tier=now.tier,  # type: ignore[arg-type]
        now=datetime.fromisoformat(now.now),
        seed=now.seed,
        feedback=tuple(now.feedback),
        answers=dict(now.answers),
        confidential=understanding.get("sensitivity") == "confidential",
        insists=state.tier_is_chosen,
    )


def as_bytes(state: TaskState) -> bytes:
    """The state as canonical bytes: what "the same" means."""
    return repr(state).encode()


def first_difference(recorded: Any, said: Any) -> str | None:
    """The path of the first place where two JSON values differ, with both sides cut to a readable length."""
    return next(_differences(recorded, said, ""), None)


def _differences(recorded: Any, said: Any, path: str) -> Iterator[str]:
    if isinstance(recorded, dict) and isinstance(said, dict):
        for key in sorted(recorded.keys() | said.keys()):
            yield from _differences(recorded.get(key), said.get(key), f"{path}.{key}" if path else key)
    elif isinstance(recorded, list) and isinstance(said, list) and len(recorded) == len(said):
        for index, (left, right) in enumerate(zip(recorded, said, strict=True)):
            yield from _differences(left, right, f"{path}[{index}]")
    elif recorded != said:
        yield f"{path}: recorded {_cut(recorded)}, now {_cut(said)}"


def _cut(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
