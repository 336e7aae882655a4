"""The events: past-tense facts, validated when they are written, plain JSON when they are read.

Folds read `record.data` (a dict of the current version, see `upcast`), so that reading never waits for pydantic.
Amounts and ids stand in the open only where the envelope's `subject` is absent; a payload with a subject is sealed.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict

from agentos.events.record import NewEvent

Json = dict[str, Any]


class Fact(BaseModel):
    """Base of all events. `on()` puts it into an envelope."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    TYPE: ClassVar[str]
    VERSION: ClassVar[int] = 1

    def on(
        self,
        stream: str,
        *,
        key: str | None = None,
        actor: str = "system",
        subject: str | None = None,
        correlation: str | None = None,
        causation: str | None = None,
        id: str = "",
    ) -> NewEvent:
        data = self.model_dump(mode="json")
        return NewEvent(self.TYPE, stream, data, key, actor, subject, correlation, causation, self.VERSION, id)


# -- intent


class IntentReceived(Fact):
    TYPE = "intent.received"
    intent: str
    channel: str
    author: str
    text: str | None
    blob: str | None = None
    """Digest of the raw input where it is too large for the event."""


class IntentRejected(Fact):
    TYPE = "intent.rejected"
    intent: str
    code: str
    why: str


# -- task


class TaskOpened(Fact):
    TYPE = "task.opened"
    task: str
    intent: str
    trigger: str
    rehearsal: bool = False
    by: datetime | None = None
    budget: Json | None = None
    """{"amount", "currency"}: the most that models may cost."""


class TaskPlanned(Fact):
    TYPE = "task.planned"
    understanding: Json
    plan: Json
    estimate: Json


class TaskParked(Fact):
    TYPE = "task.parked"
    why: list[Json]
    """[{"kind": approval|question|backoff|until|doubt|budget|failure|stopped, "on": card or step, "until": ISO time
    or None}]"""


class TaskResumed(Fact):
    TYPE = "task.resumed"
    by: str


class TaskCompleted(Fact):
    TYPE = "task.completed"
    summary: str
    actual: Json


class TaskFailed(Fact):
    TYPE = "task.failed"
    code: str
    why: str
    unwound: list[str] = []
    stands: list[str] = []


class TaskCancelled(Fact):
    TYPE = "task.cancelled"
    why: str


# -- step


class StepStarted(Fact):
    TYPE = "step.started"
    step: str
    round: int
    attempt: int
    agent: str
    agent_version: str
    tier: str
    now: datetime
    seed: str


class StepCompleted(Fact):
    TYPE = "step.completed"
    step: str
    round: int
    output: Json
    """The agent's result, or {"$blob": digest} where it is large."""
    confidence: float | None = None
    labels: Json = {}
    notes: list[str] = []
    """What the agent could not do, for the operator to see: a page that can't be read."""


class StepFailed(Fact):
    TYPE = "step.failed"
    step: str
    round: int
    attempt: int
    kind: Literal["transient", "semantic", "permanent"]
    code: str
    reasons: list[str]
    retry_at: datetime | None = None
    redo: str | None = None
    confidence: float | None = None


# -- model and tool calls, one by one


class ToolCalled(Fact):
    TYPE = "tool.called"
    step: str
    round: int
    capability: str
    request: str
    nth: int
    answer: Any
    asked: dict[str, Any] | None = None
    """{slot, text, choices}: it could not answer before the operator does something, and asked her instead."""


class ModelReserved(Fact):
    TYPE = "model.reserved"
    call: str
    step: str
    tier: str
    cost: Json | None
    tokens: int


class ModelCalled(Fact):
    TYPE = "model.called"
    call: str
    step: str
    round: int
    request: str
    nth: int
    tier: str
    model: str
    answer: Json
    tokens_in: int
    tokens_out: int
    cost: Json | None
    latency_ms: int
    cached: bool
    reported_tokens: int = 0
    """What the server claimed, where it was more than the request can have used; 0 where it was believed."""


class ModelMissing(Fact):
    """Nobody could be asked: an endpoint or its key is not configured, and the operator was asked instead."""

    TYPE = "model.missing"
    step: str
    round: int
    request: str
    nth: int
    tier: str
    code: str
    asked: Json
    """{slot, text, choices}"""


class ModelSettled(Fact):
    TYPE = "model.settled"
    call: str
    step: str
    cost: Json | None
    tokens: int
    why: str = "answered"


# -- approval


class ApprovalRequested(Fact):
    TYPE = "approval.requested"
    card: str
    kind: Literal["effects", "question", "doubt", "failure", "budget"]
    step: str
    title: str
    effects: list[Json] = []
    reasons: list[Json] = []
    question: Json | None = None
    expires_at: datetime | None = None
    body: Json = {}


class ApprovalGranted(Fact):
    TYPE = "approval.granted"
    card: str
    effects: list[Json]
    """[{"key", "digest"}]: exactly what may happen."""
    struck: list[str] = []
    via: str


class ApprovalDenied(Fact):
    TYPE = "approval.denied"
    card: str
    reason: str
    via: str


class ApprovalAnswered(Fact):
    TYPE = "approval.answered"
    card: str
    slot: str
    answer: str
    via: str


class ApprovalEdited(Fact):
    TYPE = "approval.edited"
    card: str
    step: str
    patch: Json
    """Fields of the step's output that the operator replaced."""
    via: str


class ApprovalExpired(Fact):
    TYPE = "approval.expired"
    card: str


class ApprovalSuperseded(Fact):
    TYPE = "approval.superseded"
    card: str
    why: str


class ApprovalWithdrawn(Fact):
    TYPE = "approval.withdrawn"
    card: str
    why: str


# -- effect


class EffectStarted(Fact):
    TYPE = "effect.started"
    effect: str
    """The idempotency key."""
    attempt: int
    step: str
    source: str = ""
    """The step that proposed it; empty for an undo."""
    slot: str
    system: str
    account: str
    verb: str
    title: str
    approved: str
    """Digest of the proposal that was approved, placeholders open."""
    payload: Json
    """As it was approved; `assigned` at the places in `fill` completes it. Or {"$blob": digest}."""
    payload_digest: str
    """Of the complete payload, as `do` gets it."""
    assigned: Json
    fill: list[str] = []
    after: list[str] = []
    """Slots of the same step that had to be done first: undoing one of them takes this along."""
    authority: str
    """The card, or "policy"."""
    amounts: Json | None = None
    to: str | None = None
    undoes: str | None = None


class EffectDone(Fact):
    TYPE = "effect.done"
    effect: str
    receipt: Json


class EffectFailed(Fact):
    TYPE = "effect.failed"
    effect: str
    attempt: int
    kind: Literal["transient", "permanent"]
    code: str
    why: str
    retry_at: datetime | None = None


class EffectInDoubt(Fact):
    TYPE = "effect.in_doubt"
    effect: str
    attempt: int
    why: str


class EffectFound(Fact):
    TYPE = "effect.found"
    effect: str
    receipt: Json


class NumberAssigned(Fact):
    """In the open even where the effect is sealed: a series stays gap-free after its client was forgotten."""

    TYPE = "number.assigned"
    series: str
    number: int
    text: str
    effect: str


class NumberVoided(Fact):
    TYPE = "number.voided"
    series: str
    number: int
    text: str
    why: str


# -- finding


class FindingOpened(Fact):
    """The monitor saw something that the operator would want to be told. Once for each time that it comes."""

    TYPE = "finding.opened"
    fingerprint: str
    kind: str
    task: str
    """Opened in the same append; it tells all that was found of this kind then."""
    severity: int
    seen: str
    limit: str
    since: str
    """A figure against its threshold, and the day or moment from which on."""
    seqs: list[int]


class FindingClosed(Fact):
    """It is over by itself: paid, answered, done."""

    TYPE = "finding.closed"
    fingerprint: str
    kind: str


# -- drift, repair


class DriftDetected(Fact):
    """The outside world is not as the log says. Once for each time that it comes, not for each look."""

    TYPE = "drift.detected"
    fingerprint: str
    system: str
    kind: Literal["missing", "changed", "returned", "unknown", "double", "unassigned"]
    thing: str
    """The key of the effect that is concerned, or SYSTEM:REF of what carries none of ours."""
    ref: str
    effect: str | None = None
    expected: str = ""
    seen: str = ""
    """Digests of content, "" where there is none."""
    words: str
    escalated: bool = False
    """It came back after a repair, so nothing is repaired by itself; a notice tells it, once."""


class DriftClosed(Fact):
    TYPE = "drift.closed"
    fingerprint: str
    how: Literal["repaired", "mended", "kept", "gone", "failed"]
    """mended: by the operator, she says. kept: she lets it stand. gone: it agrees again. failed: the repair did."""
    why: str = ""


class RepairOpened(Fact):
    """In the append that opens its task. One for each fingerprint, ever."""

    TYPE = "repair.opened"
    fingerprint: str
    task: str


class RepairClosed(Fact):
    TYPE = "repair.closed"
    fingerprint: str
    task: str
    how: Literal["repaired", "mended", "kept", "gone", "failed"]
    why: str = ""


# -- platform, workspace, circuit


class FileChanged(Fact):
    TYPE = "workspace.file_changed"
    path: str
    digest: str | None
    """None: the file is gone."""
    blob: str | None


class PlatformStopped(Fact):
    TYPE = "platform.stopped"
    why: str
    in_flight: list[str] = []


class PlatformStarted(Fact):
    TYPE = "platform.started"


class DamageAccepted(Fact):
    TYPE = "platform.damage_accepted"
    first_bad: int | None
    """The first event that is wrong or missing; None when only blobs are."""
    why: str
    reason: str
    faults: list[Json]
    """[{"seq", "mark", "why"}]: exactly this damage is passed over from now on."""
    head: int
    head_hash: str
    """The last event when it was accepted."""


class PlatformRestored(Fact):
    """The log was rewound to a backup; the world was not. Counts as stopped until `agentos start` has looked at it."""

    TYPE = "platform.restored"
    epoch: str
    """UUIDv7 of the history that begins here."""
    backup: str
    made_at: datetime
    seq: int
    """Head of the log that was restored, and its hash."""
    hash: str
    aside: str
    """Folder of the state that was there before; empty where there was none."""
    rewinds: list[Json]
    """[{"after", "size", "digest"}]: in the first `size` bytes of the witness file, whose SHA-256 this is, heads after
    event `after` belong to a history that was given up."""


class BackedUp(Fact):
    TYPE = "platform.backed_up"
    backup: str
    folder: str
    seq: int
    hash: str
    files: int
    bytes: int


class CircuitOpened(Fact):
    TYPE = "circuit.opened"
    circuit: str
    until: datetime
    why: str


class CircuitClosed(Fact):
    TYPE = "circuit.closed"
    circuit: str


FACTS: dict[str, type[Fact]] = {cls.TYPE: cls for cls in Fact.__subclasses__()}
