"""What the invariants compare each event with: a fold over the whole log, as large as what is open (and a line for each
effect that ever began)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from agentos.events.record import Record
from agentos.invariants.money import Money
from agentos.monitor.state import Findings
from agentos.platform import Store
from agentos.reconcile.state import Drifts
from agentos.tasks.state import TaskState, apply

Json = dict[str, Any]
CLOSING = ("task.completed", "task.failed", "task.cancelled")
RECEIPTS = ("effect.done", "effect.found")
FILES = ("agentos.toml", "policy.toml")


@dataclass(slots=True)
class Effect:
    """One effect, by its key: where it stands, whichever task began it last."""

    key: str
    task: str = ""
    title: str = ""
    step: str = ""
    source: str = ""
    slot: str = ""
    attempt: int = 0
    status: str = ""
    """started | done | failed | in_doubt; "" before it began."""
    started: int = 0
    """seq of its newest start."""
    done: int = 0
    """seq of its receipt; 0 while there is none."""
    undone: int = 0
    undoes: str = ""
    doubts: int = 0
    """The attempt that is in doubt."""
    numbers: tuple[tuple[str, int], ...] = ()
    """What its newest start took: (series, number)."""


@dataclass(slots=True)
class Series:
    last: int = 0
    first: bool = True
    texts: set[str] = field(default_factory=set)


@dataclass
class Task:
    """An open task. `blind`: an event of it belongs to a forgotten client, so that its state can't be known."""

    state: TaskState
    blind: bool = False
    effects: dict[str, Effect] = field(default_factory=dict)
    completed: set[tuple[str, int]] = field(default_factory=set)
    calls: set[tuple[Any, ...]] = field(default_factory=set)
    refused: dict[tuple[str, str], str] = field(default_factory=dict)
    """(effect key, digest) -> how the operator's no was said: denied, expired, struck out. A later grant lifts it."""
    undone: list[Effect] = field(default_factory=list)
    """What its undos were about, in the order they began."""
    plan_seq: int = 0

    @property
    def id(self) -> str:
        return self.state.id


class World:
    def __init__(self, store: Store) -> None:
        self.store = store
        self.tasks: dict[str, Task] = {}
        self.closed: dict[str, str] = {}
        self.effects: dict[str, Effect] = {}
        self.series: dict[str, Series] = {}
        self.numbers: dict[tuple[str, int], tuple[str, str]] = {}
        """Taken and neither used nor voided: (series, number) -> (effect key, task)."""
        self.voided: set[str] = set()
        self.files: dict[str, str | None] = {}
        """Path -> blob, of the operator's files that the invariants read."""
        self.clients: dict[str, tuple[str, ...]] = {}
        """Client id -> names and addresses that must not stand in the open."""
        self.stopped = False
        self.restored = False
        self.looking = False
        """Between a restore and the start that looks outside first: what is adopted then was done before."""
        self.findings = Findings()
        self.drifts = Drifts()
        self.money = Money()
        self.blobs: set[str] = set()
        """Names that were looked at."""

    def task(self, record: Record) -> Task | None:
        """The open task of this record's stream; None when it is not open, or can't be read in full."""
        task = self.tasks.get(task_of(record))
        return None if task is None or task.blind else task

    def apply(self, record: Record) -> None:
        """Fold one event. A forgotten one counts with what its envelope says."""
        if record.type == "task.opened":
            self.tasks.setdefault(task_of(record), Task(TaskState(task_of(record))))
        task = self.tasks.get(task_of(record))
        if task is not None:
            task.blind = task.blind or record.forgotten
            apply(task.state, record)
        family = record.type.partition(".")[0]
        handler = getattr(self, f"_{family}", None)
        if handler is not None:
            handler(record, task)
        if record.type in CLOSING:
            self.closed[task_of(record)] = record.type.removeprefix("task.")
            self.tasks.pop(task_of(record), None)

    # -- by family

    def _task(self, record: Record, task: Task | None) -> None:
        if record.type == "task.planned" and task is not None:
            task.plan_seq = record.seq

    def _step(self, record: Record, task: Task | None) -> None:
        if record.type == "step.completed" and task is not None and not record.forgotten:
            task.completed.add((record.data["step"], record.data["round"]))

    def _tool(self, record: Record, task: Task | None) -> None:
        if task is not None and not record.forgotten:
            task.calls.add(call_of(record))

    def _model(self, record: Record, task: Task | None) -> None:
        if record.type == "model.called":
            self._tool(record, task)
        elif record.type != "model.missing" and not record.forgotten:
            self.money.apply(record, self)

    def _approval(self, record: Record, task: Task | None) -> None:
        if task is None or record.forgotten:
            return
        card = task.state.cards.get(record.data["card"])
        effects = [(e["key"], e["digest"]) for e in (card.data["effects"] if card is not None else ())]
        if record.type in ("approval.denied", "approval.expired"):
            task.refused |= {one: record.type.removeprefix("approval.") for one in effects}
        elif record.type == "approval.granted":
            task.refused |= {one: "struck out" for one in effects if one[0] in record.data["struck"]}
            for granted in record.data["effects"]:
                task.refused.pop((granted["key"], granted["digest"]), None)

    def _effect(self, record: Record, task: Task | None) -> None:
        effect = self.effects.setdefault(effect_of(record), Effect(effect_of(record)))
        if record.type == "effect.started":
            self._started(effect, record, task)
        elif record.type in RECEIPTS:
            effect.status, effect.done = "done", record.seq
            self.numbers = {n: of for n, of in self.numbers.items() if n not in effect.numbers}
            if effect.key.endswith("/undo") and (undone := self.effects.get(effect.key.removesuffix("/undo"))):
                undone.undone = record.seq
        elif effect.status != "done":
            effect.status = record.type.removeprefix("effect.")
            effect.doubts = effect.attempt if effect.status == "in_doubt" else 0

    def _started(self, effect: Effect, record: Record, task: Task | None) -> None:
        effect.task, effect.started, effect.status = task_of(record), record.seq, "started"
        effect.attempt = attempt_of(record)
        effect.undoes = effect.key.removesuffix("/undo") if effect.key.endswith("/undo") else ""
        effect.numbers = tuple(n for n, (key, _) in self.numbers.items() if key == effect.key)
        if not record.forgotten:
            data = record.data
            effect.title, effect.step = data["title"], data["step"]
            effect.source, effect.slot = data.get("source", ""), data["slot"]
        if task is not None:
            task.effects[effect.key] = effect
            undone = self.effects.get(effect.undoes)
            if undone is not None and undone not in task.undone:
                task.undone.append(undone)

    def _number(self, record: Record, _: Task | None) -> None:
        data = record.data
        number = (data["series"], data["number"])
        if record.type == "number.voided":
            self.numbers.pop(number, None)
            self.voided.add(data["text"])
            return
        series = self.series.setdefault(data["series"], Series())
        series.last, series.first = data["number"], False
        series.texts.add(data["text"])
        self.numbers[number] = (data["effect"], record.correlation or "")

    def _finding(self, record: Record, _: Task | None) -> None:
        self.findings.apply(record)

    def _drift(self, record: Record, _: Task | None) -> None:
        self.drifts.apply(record)

    _repair = _drift

    def _platform(self, record: Record, _: Task | None) -> None:
        if record.type in ("platform.stopped", "platform.started"):
            self.stopped = record.type == "platform.stopped"
            self.looking = self.looking and self.stopped
        elif record.type == "platform.restored":
            self.stopped = self.restored = self.looking = True

    def _workspace(self, record: Record, _: Task | None) -> None:
        if record.type != "workspace.file_changed" or record.forgotten:
            return
        path, blob = record.data["path"], record.data["blob"]
        if path in FILES:
            self.files[path] = blob
            self.money.configure(self)
        elif path.startswith("clients/"):
            self.clients[path.removeprefix("clients/").removesuffix(".toml")] = self._names(blob, record.subject)

    def _names(self, blob: str | None, subject: str | None) -> tuple[str, ...]:
        found = self.toml(blob, subject)
        return tuple(str(found[name]) for name in ("name", "email") if found.get(name))

    def toml(self, blob: str | None, subject: str | None = None) -> Json:
        """A file of the operator's as it was recorded; empty where it is gone, forgotten or not to be read."""
        import tomllib

        from agentos.errors import AgentOSError

        try:
            stored = self.store.blobs.get(blob, subject) if blob is not None else None
            return tomllib.loads(stored.decode("utf-8-sig")) if stored is not None else {}
        except (AgentOSError, ValueError):
            return {}


def task_of(record: Record) -> str:
    """The task whose stream this is; "" for other streams."""
    return record.stream.removeprefix("task/") if record.stream.startswith("task/") else ""


def effect_of(record: Record) -> str:
    """The effect's key, from the envelope where the payload can't be read any more."""
    if not record.forgotten:
        return str(record.data["effect"])
    _, _, rest = (record.key or "").partition("/")
    return rest if record.type in RECEIPTS else rest.rpartition("/")[0]


def attempt_of(record: Record) -> int:
    if not record.forgotten:
        return int(record.data["attempt"])
    last = (record.key or "").rpartition("/")[2]
    return int(last) if last.isdecimal() else 0


def call_of(record: Record) -> tuple[Any, ...]:
    """What makes two calls the same one. A call that asked the operator instead is made again after her answer."""
    data = record.data
    asked = record.key if data.get("asked") else None
    return (record.type, data["step"], data["round"], data["request"], data["nth"], asked)
