"""After a restore: what happened outside since the backup becomes part of the record, and only then does it go on.

One append holds all of it and `platform.started`, so that a worker killed here has done nothing, and a second look
finds the same. Nothing is claimed that was not seen: `authority` is "adopted", no digest is approved, and what the
outside does not keep of a payload stays empty.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from agentos.effects.port import Amounts
from agentos.errors import AgentOSError, Refused
from agentos.events.epoch import unobserved
from agentos.events.log import Reader
from agentos.events.record import NewEvent, Record
from agentos.events.types import (
    EffectFound,
    EffectStarted,
    Fact,
    IntentReceived,
    PlatformStarted,
    TaskCompleted,
    TaskOpened,
)
from agentos.ids import uuid7
from agentos.platform import Platform
from agentos.tasks.adopted_numbers import adopted_numbers
from agentos.tasks.items import started_of
from agentos.tasks.run import stream_of
from agentos.tasks.sightings import Sighted, Sighting, look_outside
from agentos.tasks.state import TaskState, fold
from agentos.tasks.values import digest_of, pack
from agentos.tasks.void_grants import void_grants

MOST_LOOKS = 5


class Moved(Refused):
    """The log went on while the world was looked at: look again."""

    code = "platform.moved"


@dataclass(frozen=True)
class Adoption:
    """`task`: the one that holds what belongs to no task of the log. `asked_again`: cards that are void now."""

    found: tuple[Sighting, ...]
    unsure: tuple[str, ...]
    asked_again: int
    task: str | None


def adopt_and_start(platform: Platform) -> Adoption | None:
    """Look, record, start. None when no restore waits for it. Raises Outside when a system can't be looked at."""
    for _ in range(MOST_LOOKS):
        restored = unobserved(platform.log)
        if restored is None:
            return None
        head = platform.log.head()
        adopting = _Adopting(platform, restored, look_outside(platform))
        try:
            platform.log.append(_unless_moved(head, adopting.events()))
        except Moved:
            continue
        platform.store.stop_file.unlink(missing_ok=True)
        return adopting.result()
    raise AgentOSError(
        "The log does not come to rest.", hint="Stop `agentos up` and run it again.", code="platform.moved"
    )


def _unless_moved(head: tuple[int, bytes], events: list[NewEvent]) -> Any:
    def on(reader: Reader) -> Sequence[NewEvent]:
        if reader.head() != head:
            raise Moved("the log has moved")
        return [*events, PlatformStarted().on("platform", actor="operator")]

    return on


class _Adopting:
    def __init__(self, platform: Platform, restored: Record, sighted: Sighted) -> None:
        self._platform, self._restored, self._sighted = platform, restored, sighted
        self._task = uuid7(int(platform.clock.now().timestamp() * 1000))
        self._homeless = False
        self._void: list[NewEvent] = []
        self._clients = {c.email.casefold(): id for id, c in platform.workspace.clients.items() if c.email}

    def events(self) -> list[NewEvent]:
        effects = [event for one in self._sighted.found for event in self._effect(one)]
        settings = self._platform.workspace.configuration.business.invoice
        numbers = adopted_numbers(self._platform.log, self._sighted.documents, settings)
        found, undone = frozenset(one.key for one in self._sighted.found), self._undone()
        self._void = list(void_grants(self._platform, self._restored.seq, found, undone))
        return [*self._opening(), *numbers, *effects, *self._closing(), *self._void]

    def result(self) -> Adoption:
        found, unsure = tuple(self._sighted.found), tuple(self._sighted.unsure)
        return Adoption(found, unsure, len(self._void), self._task if self._homeless else None)

    def _effect(self, one: Sighting) -> list[NewEvent]:
        started = started_of(self._platform.log, one.key)
        task = self._home(one) if started is None else None
        subject = started.subject if started is not None else self._subject(one, task)
        if subject is not None and self._platform.store.sealer.keys.get_or_make(subject) is None:
            one, subject = _stripped(one), None
        found, key = EffectFound(effect=one.key, receipt=one.receipt.model_dump(mode="json")), f"effect.done/{one.key}"
        if started is not None:  # begun before the backup, with an end that only the outside knows
            return [self._event(found, started.stream, key, subject)]
        self._homeless |= task is None
        stream = stream_of(task.id if task else self._task)
        began = self._event(self._start(one, task, subject), stream, f"effect.started/{one.key}/1", subject)
        return [began, self._event(found, stream, key, subject)]

    def _home(self, one: Sighting) -> TaskState | None:
        """The task of the log that would have done it, if that still goes on. An undo has a task of its own."""
        parts = _slot(one).split("/")
        if one.undoes is not None or len(parts) < 3 or self._platform.log.by_key(f"task/{parts[0]}") is None:
            return None
        state = fold(parts[0], self._platform.log.read(stream=stream_of(parts[0])))
        return None if state.closed else state

    def _undone(self) -> frozenset[str]:
        """Open tasks of which something was undone after the backup: going on, they would do it once more."""
        slots = (_slot(one).split("/")[0] for one in self._sighted.found if one.undoes is not None)
        return frozenset(slots)

    def _start(self, one: Sighting, task: TaskState | None, subject: str | None) -> EffectStarted:
        parts = _slot(one).split("/")
        source, slot = (parts[1], "/".join(parts[2:])) if len(parts) > 2 else ("", _slot(one))
        number = one.receipt.data.get("number")
        return EffectStarted(
            effect=one.key, attempt=1, step=_step(task, source), source=source, slot=slot, system=one.system.name,
            account=one.system.account, verb=one.verb, title=one.title, approved="",
            payload=pack(one.payload, self._platform.blobs, subject), payload_digest=digest_of(one.payload),
            assigned={"number": number} if number else {}, authority="adopted", to=one.to, undoes=one.undoes,
            amounts=_amounts(one),
        )  # fmt: skip

    def _subject(self, one: Sighting, task: TaskState | None) -> str | None:
        """The client: of the task, of the thing itself, by its address, or of what was done beside it."""
        if task is not None and task.subject is not None:
            return task.subject
        own = one.client or self._clients.get((one.to or "").casefold())
        if own is not None:
            return own
        beside = (
            other.client for other in self._sighted.found if _slot(other).split("/")[0] == _slot(one).split("/")[0]
        )
        return next((client for client in beside if client is not None), None)

    def _opening(self) -> list[NewEvent]:
        if not self._homeless:
            return []
        intent = uuid7()
        text = f"What happened outside after the backup {self._restored.data['backup']}"
        received = IntentReceived(intent=intent, channel="restore", author="system", text=text)
        opened = TaskOpened(task=self._task, intent=intent, trigger="restore")
        return [
            received.on(f"intent/{intent}", key=f"intent/{intent}"),
            self._event(opened, stream_of(self._task), f"task/{self._task}", None),
        ]

    def _closing(self) -> list[NewEvent]:
        if not self._homeless:
            return []
        actual = {"workflow": "restore", "cost": [], "tokens": 0, "model_calls": 0, "minutes": 0, "interruptions": 0}
        fact = TaskCompleted(summary=f"Found outside after the backup {self._restored.data['backup']}", actual=actual)
        return [self._event(fact, stream_of(self._task), f"task.closed/{self._task}", None)]

    def _event(self, fact: Fact, stream: str, key: str, subject: str | None) -> NewEvent:
        return fact.on(stream, key=key, subject=subject, correlation=stream.removeprefix("task/"))


def _slot(one: Sighting) -> str:
    """TASK/STEP/SLOT, or the business slot, of a key: without account, verb, generation and undo."""
    key = (one.undoes or one.key).removeprefix(f"{one.system.account}/").partition("/")[2]
    head, mark, generation = key.rpartition("#")
    return head if mark and generation.isdigit() else key


def _step(task: TaskState | None, source: str) -> str:
    """The step that carries out what `source` proposes, where the plan stands."""
    steps = (task.plan or {}).get("steps", []) if task is not None else []
    return next((str(step["id"]) for step in steps if source in (step["inputs"].get("from") or ())), source)


def _amounts(one: Sighting) -> dict[str, Any] | None:
    if one.undoes is not None:
        return None
    data = _of_a_payment(one.payload) if one.verb == "receive" else one.receipt.data
    if not all(data.get(name) for name in ("net", "vat", "gross", "currency")):
        return None
    money = {name: {"amount": data[name], "currency": data["currency"]} for name in ("net", "vat", "gross")}
    return Amounts.model_validate(money).model_dump(mode="json")


def _of_a_payment(payload: dict[str, Any]) -> dict[str, Any]:
    """What was paid is all there is: nothing of it is VAT."""
    paid = payload.get("amount")
    return {"net": paid, "vat": "0", "gross": paid, "currency": payload.get("currency")}


def _stripped(one: Sighting) -> Sighting:
    """Of a client who was forgotten only the key is recorded: that it was done, and nothing of what."""
    receipt = one.receipt.model_copy(update={"ref": "forgotten", "data": {}})
    return Sighting(one.key, one.system, one.verb, "Of a client who was forgotten", receipt)
