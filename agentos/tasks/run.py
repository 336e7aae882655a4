"""One worker's hold on one task: its folded state, its lease, and the one way to record."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from agentos.errors import Conflict, Refused, StorageError
from agentos.events.log import Decision, Reader
from agentos.events.record import Appended, NewEvent, Record
from agentos.events.types import Fact, StepStarted
from agentos.ids import digest
from agentos.platform import Platform, refuse_if_stopped
from agentos.tasks.lease import Lease
from agentos.tasks.plan import Plan, Step
from agentos.tasks.rows import sealed_rows
from agentos.tasks.signals import Until
from agentos.tasks.state import StepState, TaskState, apply, fold
from agentos.tasks.values import BLOB, LARGE, canonical, unpack

if TYPE_CHECKING:
    from agentos.agent import Manifest
    from agentos.tasks.kit import Caller

CLOSING = ("task.completed", "task.failed", "task.cancelled")
SOON = 0.02
"""Seconds that a step's start may wait for the next commit."""
DECISIONS = ("granted", "denied", "answered", "edited", "expired", "superseded", "withdrawn")


class TaskClosed(Refused):
    """The task was cancelled or finished meanwhile: what has happened is recorded, nothing more is begun."""

    code = "task.closed"


def stream_of(task: str) -> str:
    return f"task/{task}"


def intent_subject(reader: Reader, state: TaskState) -> str | None:
    """The client whose key sealed the request: what repeats its words is sealed alike, before the plan says whose task
    it is."""
    record = reader.by_key(f"intent/{state.intent}")
    return record.subject if record is not None else None


def is_overtaken(reader: Reader, event: NewEvent) -> bool:
    """Whether this event puts aside a card about which something has been decided meanwhile."""
    if event.type not in ("approval.expired", "approval.superseded", "approval.withdrawn"):
        return False
    return any(reader.by_key(f"approval.{how}/{event.data['card']}") is not None for how in DECISIONS)


class TaskRun:
    """State is never guessed: after every append it is caught up from the log, so that an answer the operator gave
    meanwhile is seen."""

    def __init__(self, platform: Platform, task: str, lease: Lease) -> None:
        self.platform = platform
        self.task = task
        self.stream = stream_of(task)
        self.lease = lease
        self.state: TaskState = fold(task, platform.log.read(stream=self.stream))
        self.waiting: dict[str, Until] = {}
        """Steps that this pass found must wait for a moment."""
        self.ignore_merge = False
        self.refused: Refused | StorageError | None = None
        """What ends this pass: not a step's failure, but a reason why no step may or can go on."""
        self.guessed = False
        """Whether a model, not a rule, chose the workflow."""
        self.newest: Record | None = None
        """The last event of the stream that was seen; None before anything happened in this pass."""
        self._plan: Plan | None = None
        self._pending: list[NewEvent] = []
        self._outputs: dict[tuple[str, int], Any] = {}

    @property
    def subject(self) -> str | None:
        return self.state.subject or self._asked_for

    @cached_property
    def _asked_for(self) -> str | None:
        return intent_subject(self.platform.log, self.state)

    @property
    def plan(self) -> Plan:
        if self._plan is None:
            self._plan = Plan.model_validate(self.state.plan)
        return self._plan

    @property
    def plan_is_a_models(self) -> bool:
        return (self.state.plan or {}).get("workflow") == "planned"

    def event(
        self, fact: Fact, *, key: str | None = None, actor: str = "system", subject: str | None = None
    ) -> NewEvent:
        """An envelope in this task's stream, sealed for the task's client."""
        return fact.on(self.stream, key=key, actor=actor, subject=subject or self.subject, correlation=self.task)

    def open_event(self, fact: Fact, *, key: str | None = None, actor: str = "system") -> NewEvent:
        """The same, unsealed: for amounts and ids that budgets and number series must read for ever."""
        return fact.on(self.stream, key=key, actor=actor, correlation=self.task)

    async def record(self, *events: NewEvent) -> None:
        """Append facts: what has happened is recorded, even by a worker that lost its lease. A fact that stands is
        fine."""
        begun = self._begun()
        try:
            self._take(await self.platform.log.record(lambda reader: [*begun(reader), *events]))
        except Conflict:
            if len(events) > 1:  # a neighbour stands already: the others must not be lost with it
                for event in events:
                    await self.record(event)
                return
            self.catch_up()

    async def record_open(self, *events: NewEvent, always: Sequence[NewEvent] = ()) -> None:
        """Append what begins, asks or says where the task stands: not when it was closed meanwhile, nor when the
        operator has just decided about a card that these events put aside. `always` are facts among them."""
        begun = self._begun()

        def on(reader: Reader) -> Sequence[NewEvent]:
            late = self._is_closed(reader) or any(is_overtaken(reader, event) for event in events)
            return [*begun(reader), *always, *(() if late else events)]

        try:
            self._take(await self.platform.log.record(on))
        except Conflict:
            self.catch_up()

    async def record_end(self, *events: NewEvent) -> None:
        """Append the task's end and what comes with it, all or nothing; a card that was decided meanwhile stays so."""
        begun = self._begun()

        def on(reader: Reader) -> Sequence[NewEvent]:
            closed = self._is_closed(reader)
            return () if closed else [*begun(reader), *(one for one in events if not is_overtaken(reader, one))]

        self._take(await self.platform.log.record(on))

    def record_with_next(self, *events: NewEvent) -> None:
        """What begins, and nothing rests on yet: it shares the commit of what is recorded next and is written before
        it, unless the task is closed by then. Where nothing is recorded for a moment it is written all the same, so
        that who watches sees it."""
        self._pending += events
        asyncio.get_running_loop().call_later(SOON, self.flush)

    def flush(self) -> None:
        """Write what waits for the next commit, without waiting for it."""
        if self._pending:
            self.platform.log.submit(self._begun())

    def _begun(self) -> Decision:
        """Takes over what waits for the next commit, which is now the caller's to append."""
        pending, self._pending = self._pending, []
        return lambda reader: () if not pending or self._is_closed(reader) else pending

    def _is_closed(self, reader: Reader) -> bool:
        return reader.by_key(f"task.closed/{self.task}") is not None

    async def claim(self, decide: Callable[[Reader], Sequence[NewEvent]]) -> None:
        """Append what `decide` returns, on the state it is written on; refused when stopped, closed or without
        lease."""
        begun, checked = self._begun(), self.checked(decide)
        try:
            self._take(await self.platform.log.record(lambda reader: [*begun(reader), *checked(reader)]))
        except Refused:
            self.platform.log.submit(begun)
            raise

    def _take(self, written: Appended) -> None:
        """Fold what was just written; read the stream only where somebody else may have written to it meanwhile."""
        if written.since > self.state.seq:
            self.catch_up()
            return
        for record in written:
            if record.stream == self.stream:
                self._apply(record)

    def checked(self, decide: Callable[[Reader], Sequence[NewEvent]]) -> Decision:
        def on(reader: Reader) -> Sequence[NewEvent]:
            if not self.lease.held:
                raise Refused("the lease of this task is gone", code="lease.lost")
            refuse_if_stopped(reader, self.platform.store.stop_file)
            if reader.last(stream=self.stream, types=CLOSING) is not None:
                raise TaskClosed("the task is closed", hint="`agentos show` tells how it ended.")
            return decide(reader)

        return on

    def catch_up(self) -> None:
        for record in self.platform.log.read(after=self.state.seq, stream=self.stream):
            self._apply(record)

    def _apply(self, record: Record) -> None:
        if record.type == "task.planned":
            self._plan = None
        apply(self.state, record)
        self.newest = record

    def output(self, step: str) -> Any:
        """A step's recorded output, with what the operator edited laid over it. None when there is none (yet)."""
        state = self.state.steps.get(step)
        if state is None or state.output is None:
            return None
        if (step, state.round) not in self._outputs:
            self._outputs[step, state.round] = unpack(state.output, self.platform.blobs, self.subject)
        value = self._outputs[step, state.round]
        return value | state.patch if isinstance(value, dict) and state.patch else value

    def now(self) -> datetime:
        return self.platform.clock.now()

    def begin(self, step: Step, tier: str) -> StepState:
        """The step's state once its start is queued. A start that stands (a crash in between) is taken up again, with
        its
        recorded time and seed, so that its recorded calls are found."""
        state = self.state.step(step.id)
        if state.status != "started":
            fact = StepStarted(
                step=step.id, round=state.round, attempt=state.attempt + 1, agent=step.agent or "coordinator",
                agent_version=step.agent_version, tier=tier, now=self.now(),
                seed=digest(f"{self.task}/{step.id}/{state.round}".encode()),
            )  # fmt: skip
            self.record_with_next(
                self.event(fact, key=f"step.started/{self.task}/{step.id}/{state.round}/{fact.attempt}")
            )
            state.status, state.attempt, state.retry_at = "started", fact.attempt, None
            state.agent, state.agent_version, state.tier = fact.agent, fact.agent_version, tier
            state.now, state.seed = fact.now.isoformat(), fact.seed
        return state

    def caller(self, step: str, round: int, manifest: Manifest) -> Caller:
        """What answers the kit's calls in this step: the live world, recorded. A replay answers from the record."""
        from agentos.tasks.calls import LiveCaller

        return LiveCaller(self, step, round, manifest)

    def known(self) -> dict[str, Any]:
        """What inputs may refer to: intent, slots, and every completed step's output."""
        understanding = self.state.understanding or {}
        outputs = {id: self.output(id) for id, s in self.state.steps.items() if s.status == "completed"}
        return outputs | {
            "intent": {"text": understanding.get("text"), "goal": understanding.get("goal")},
            "slots": understanding.get("slots") or {},
            "language": understanding.get("language"),
        }

    async def pack(self, value: Any, subject: str | None = None) -> Any:
        """`pack` for this task's client (or `subject`); a large value's blob is written off the loop."""
        value = sealed_rows(value, self.platform.blobs.sealer, subject or self.subject)
        data = canonical(value)
        if len(data) <= LARGE:
            return value
        return {BLOB: await self.off_loop(self.platform.blobs.put, data, subject or self.subject)}

    async def off_loop(self, call: Callable[..., Any], *arguments: Any) -> Any:
        """Blocking work (files, git, SMTP) goes to a thread."""
        return await asyncio.to_thread(call, *arguments)
