"""Which tasks can go on, and since when we know: the sensor's question, answered from the log alone.

Between two looks it keeps a cursor: the last event it has read, the open tasks with the moment time alone would let
them go on, and for which state of a task a run was asked for. A look costs what has happened since, not the length of
the log.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import orjson

from agentos.events.epoch import epoch_of
from agentos.ids import digest, short
from agentos.tasks.lease import is_taken
from agentos.tasks.readiness import can_go_on, due_at
from agentos.tasks.run import stream_of
from agentos.tasks.state import TaskState, fold
from agentos.views.overview import overview

if TYPE_CHECKING:
    from agentos.platform import Store

PATIENCE = timedelta(seconds=60)
"""How long a run that was asked for may take to begin before it is asked for again; doubles each time."""
LONGEST_PATIENCE = timedelta(hours=1)
_ALWAYS = datetime.min.replace(tzinfo=UTC)
_SWITCHED = ("platform.started", "platform.restored")


@dataclass(frozen=True)
class Ready:
    """A task that can go on. `seq` is its newest event, so (task, seq, nth) names this readiness and no other."""

    task: str
    seq: int
    nth: int
    trigger: str
    because: str
    """new | approved | answered | edited | denied | expired | due | left"""


@dataclass(frozen=True)
class Asked:
    seq: int
    at: datetime
    nth: int


@dataclass
class Watched:
    """An open task: when to look again without a new event (None: only an event can move it), and what was asked."""

    due: datetime | None
    asked: Asked | None = None


@dataclass
class Cursor:
    """Text form: JSON. A text that can't be read, or a log that was rewound by a restore, means: look at everything."""

    seq: int
    hash: str
    open: dict[str, Watched]
    epoch: str = ""

    @classmethod
    def start(cls, epoch: str = "") -> Cursor:
        return cls(0, "", {}, epoch)

    @classmethod
    def parse(cls, text: str | None) -> Cursor:
        try:
            raw = orjson.loads(text or "null")
            return cls(
                raw["seq"], raw["hash"], {task: _watched(value) for task, value in raw["open"].items()}, raw["epoch"]
            )
        except (ValueError, TypeError, KeyError):
            return cls.start()

    @classmethod
    def at_head(cls, store: Store) -> Cursor:
        """As if everything had been read: every open task is looked at once, and nothing else of the past."""
        seq, hash = store.log.head()
        return cls(
            seq, hash.hex() if seq else "", {task: Watched(_ALWAYS) for task in open_tasks(store)}, epoch_of(store.log)
        )

    def __str__(self) -> str:
        return orjson.dumps({"epoch": self.epoch, "seq": self.seq, "hash": self.hash, "open": self.open}).decode()


def look(store: Store, text: str | None, now: datetime, grace: timedelta = timedelta()) -> tuple[list[Ready], Cursor]:
    """The tasks to start now, oldest first, and the cursor for the next look. Writes nothing.

    `grace`: how long somebody else is given to start what is ready, from when it was first seen here.
    """
    cursor = _resumed(store, text)
    touched = _read_on(store, cursor)
    waiting = {task for task, watched in cursor.open.items() if watched.due is not None and watched.due <= now}
    ready = [
        found for task in sorted(touched | waiting) if (found := _examine(store, cursor, task, now, grace)) is not None
    ]
    return ready, cursor


def run_key(ready: list[Ready]) -> str:
    """The same readiness gives the same key; a task that has moved on since gives another."""
    return digest(";".join(f"{one.task}@{one.seq}.{one.nth}" for one in ready).encode())[:32]


def run_config(ready: list[Ready]) -> dict[str, Any]:
    """Of `advance_tasks`, for these tasks and all that can go on besides."""
    return {"ops": {"advance": {"config": {"tasks": [one.task for one in ready]}}}}


def run_tags(ready: list[Ready]) -> dict[str, str]:
    """What the page shows beside the run: why it was started, and for which task."""
    return {
        "agentos/trigger": ",".join(sorted({one.trigger for one in ready})),
        "agentos/because": ",".join(sorted({one.because for one in ready})),
        "agentos/task": short(ready[0].task) if len(ready) == 1 else f"{len(ready)} tasks",
    }


def open_tasks(store: Store) -> list[str]:
    """Every task that is not closed, oldest first."""
    return [stream.removeprefix("task/") for stream in overview(store).open]


def _resumed(store: Store, text: str | None) -> Cursor:
    cursor, epoch = Cursor.parse(text), epoch_of(store.log)
    if cursor.epoch != epoch:
        return Cursor.start(epoch)
    if cursor.seq:
        record = next(store.log.read(after=cursor.seq - 1, limit=1), None)
        if record is None or record.seq != cursor.seq or record.hash.hex() != cursor.hash:
            return Cursor.start(epoch)
    return cursor


def _read_on(store: Store, cursor: Cursor) -> set[str]:
    touched = set()
    for record in store.log.read(after=cursor.seq):
        cursor.seq, cursor.hash = record.seq, record.hash.hex()
        if record.stream.startswith("task/"):
            touched.add(record.stream.removeprefix("task/"))
        elif record.type in _SWITCHED:  # what was asked for met a stopped platform
            for watched in cursor.open.values():
                watched.asked = None
    return touched


def _examine(store: Store, cursor: Cursor, task: str, now: datetime, grace: timedelta) -> Ready | None:
    state = fold(task, store.log.read(stream=stream_of(task)))
    if state.closed or state.opened_at is None:
        cursor.open.pop(task, None)
        return None
    watched = cursor.open.setdefault(task, Watched(None))
    goes_on = can_go_on(state, now)
    watched.due = _ALWAYS if goes_on else due_at(state)
    if not goes_on or is_taken(store.leases, task):
        return None
    asked = _ask(watched.asked, state.seq, now, grace)
    if asked is watched.asked:
        return None
    watched.asked = asked
    if not asked.nth:
        return None
    return Ready(task, state.seq, asked.nth, state.trigger, because(state, now))


def _ask(before: Asked | None, seq: int, now: datetime, grace: timedelta) -> Asked:
    """What was asked before, while that may still begin; else one more. The `nth` is 0 while only seen."""
    if before is None or before.seq != seq:
        return Asked(seq, now, 0 if grace else 1)
    patience = min(PATIENCE * 2 ** min(before.nth - 1, 10), LONGEST_PATIENCE) if before.nth else grace
    return Asked(seq, now, before.nth + 1) if now >= before.at + patience else before


def because(state: TaskState, now: datetime) -> str:
    """Why it can go on, in one word."""
    if state.status != "parked":
        return "new" if state.plan is None and not state.steps else "left"
    decided = [card for why in state.parked if (card := state.cards.get(why.get("on") or "")) and card.status != "open"]
    if decided:
        return {"granted": "approved"}.get(decided[-1].status, decided[-1].status)
    return "due"


def _watched(raw: dict[str, Any]) -> Watched:
    asked, due = raw["asked"], raw["due"]
    return Watched(
        datetime.fromisoformat(due) if due else None,
        Asked(asked["seq"], datetime.fromisoformat(asked["at"]), asked["nth"]) if asked else None,
    )
