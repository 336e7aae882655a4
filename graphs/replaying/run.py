"""One pass of the coordinator over the record: its clock is the record's, its agents get the recorded answers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from agentos.agent import Manifest, Question, Semantic
from agentos.clock import Clock
from agentos.errors import AgentOSError, Permanent, Transient
from agentos.events.record import Record
from agentos.models.request import ModelRequest
from agentos.platform import Platform
from agentos.tasks.calls import asked_key, call_key
from agentos.tasks.kit import Caller
from agentos.tasks.plan import Step
from agentos.tasks.run import TaskRun
from agentos.tasks.signals import NeedsCard, Until
from agentos.tasks.state import StepState, apply
from agentos.tasks.values import unpack
from graphs.replaying.log import ReplayLog


class RecordClock(Clock):
    """The time of the event that is to be made next."""

    def __init__(self, log: ReplayLog) -> None:
        self._log = log

    def now(self) -> datetime:
        return (self._log.frontier or self._log.own[-1]).at


class Held:
    """Nobody else replays this replay."""

    held = True


class Rerun(TaskRun):
    """A TaskRun whose log and world are the record's."""

    def __init__(self, platform: Platform, task: str, log: ReplayLog) -> None:
        lease: Any = Held()
        super().__init__(platform, task, lease)
        self.record_of = log
        self._applied = len(log.made)
        self._begun_at: datetime | None = None

    def caller(self, step: str, round: int, manifest: Manifest) -> Caller:
        return RecordedCaller(self, step, round)

    def now(self) -> datetime:
        return self._begun_at or super().now()

    def begin(self, step: Step, tier: str) -> StepState:
        """With the time and tier of then: which models are configured now says nothing about that run."""
        state = self.state.step(step.id)
        known = self._own(f"step.started/{self.task}/{step.id}/{state.round}/{state.attempt + 1}")
        if known is not None:
            self._begun_at, tier = datetime.fromisoformat(known.data["now"]), known.data["tier"]
        try:
            begun = super().begin(step, tier)
        finally:
            self._begun_at = None
        if step.kind == "effects":
            self.flush()  # what others did until the next event is seen from here on, as it may have been then
        return begun

    def catch_up(self) -> None:
        """In the order in which they are made here: side by side, steps end in another order than then."""
        made = list(self.record_of.made.values())
        for record in made[self._applied :]:
            if record.stream == self.stream:
                if record.type == "task.planned":
                    self._plan = None
                seq = self.state.seq
                apply(self.state, record)
                self.state.seq = max(seq, record.seq)
        self._applied = len(made)

    async def off_loop(self, call: Callable[..., Any], *arguments: Any) -> Any:
        return call(*arguments)

    def _own(self, key: str) -> Record | None:
        return next((record for record in self.record_of.own if record.key == key), None)


class RecordedCaller:
    """Answers from the record and from nothing else: no secrets, no sockets."""

    def __init__(self, run: Rerun, step: str, round: int) -> None:
        self._run, self._step, self._round = run, step, round

    async def tool(self, capability: str, arguments: dict[str, Any], request: str, nth: int) -> Any:
        return self._recorded(f"the tool {capability}", request, nth)

    async def model(self, request: ModelRequest, digest: str, nth: int) -> dict[str, Any]:
        answer: dict[str, Any] = self._recorded(f"a model of tier {request.tier}", digest, nth)
        return answer

    def _recorded(self, what: str, request: str, nth: int) -> Any:
        run = self._run
        run.flush()  # what calls cost stands after the step's start; a card that the step asks for next tells it
        run.catch_up()
        key = call_key(run.task, self._step, self._round, request, nth)
        asked, record = run._own(asked_key(key, run.state, self._step)), run._own(key)
        end = run._own(f"step.failed/{run.task}/{self._step}/{self._round}/{run.state.step(self._step).attempt}")
        waited = self._waited(asked or record)
        if waited is not None:
            raise waited
        if asked is not None and asked.data.get("asked"):
            raise Question(**asked.data["asked"])
        if record is not None and (end is None or record.seq < end.seq):
            return unpack(record.data.get("answer"), run.platform.blobs, record.subject)
        if end is not None and end.data["reasons"]:
            raise failure(end.data)
        raise run.record_of.stop(f"it asks {what} for something that was not asked then")

    def _waited(self, answer: Record | None) -> Exception | None:
        """What stood before this call then and was not made again yet: a card about its budget, or a wait."""
        log = self._run.record_of
        before = [one for one in log.own if one.seq not in log.made and (answer is None or one.seq < answer.seq)]
        for one in before:
            data = one.data
            if one.type == "approval.requested" and data["step"] == self._step and data["kind"] == "budget":
                return NeedsCard(data["kind"], data["title"], data["reasons"])
            for why in data["why"] if one.type == "task.parked" else ():
                if why["kind"] == "until" and why["on"] == self._step:
                    return Until(datetime.fromisoformat(why["until"]), why["why"])
        return None


def failure(data: dict[str, Any]) -> Exception:
    """What was raised then, from what was recorded of it."""
    text, code = str(data["reasons"][0]), data["code"]
    tried = f" (tried {data['attempt']} times)"
    if data["kind"] == "transient" or text.endswith(tried):
        return Transient(text.removesuffix(tried), code=code)
    if data["kind"] == "semantic":
        return Semantic(list(data["reasons"]), data.get("confidence"))
    return AgentOSError(text) if code == "step.failed" else Permanent(text, code=code)
