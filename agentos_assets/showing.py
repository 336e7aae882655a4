"""Which tasks Dagster does not show as they stand: those of the terminal, of tests, of the time before `agentos up`.

The cursor is the last event read. A look takes a bounded piece of the log, so that a long history is caught up with in
several ticks; a task that somebody works on is looked at again when it rests.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import orjson

from agentos.tasks.lease import is_taken
from agentos.tasks.run import stream_of
from agentos.tasks.state import TaskState, fold

if TYPE_CHECKING:
    from agentos.platform import Store

MOST_TASKS = 100
MOST_EVENTS = 20_000
"""Of one look: a sensor's tick has to end within a minute, and a materialisation takes 20 ms."""


@dataclass
class Position:
    """Text form: JSON. A text that can't be read, or a log that was rewound by a restore, means: from the beginning."""

    seq: int = 0
    hash: str = ""
    busy: list[str] = field(default_factory=list)
    """Tasks that a worker held when they were looked at."""

    @classmethod
    def parse(cls, text: str | None) -> Position:
        try:
            raw = orjson.loads(text or "null")
            return cls(int(raw["seq"]), str(raw["hash"]), [str(task) for task in raw["busy"]])
        except (ValueError, TypeError, KeyError):
            return cls()

    def __str__(self) -> str:
        return orjson.dumps({"seq": self.seq, "hash": self.hash, "busy": self.busy}).decode()


def moved(store: Store, text: str | None) -> tuple[list[TaskState], Position]:
    """Tasks that have moved since the cursor, as they stand now, and the next cursor. Writes nothing."""
    position = _resumed(store, text)
    touched = dict.fromkeys(position.busy)
    for record in store.log.read(after=position.seq, limit=MOST_EVENTS):
        if len(touched) >= MOST_TASKS:
            break
        position.seq, position.hash = record.seq, record.hash.hex()
        if record.stream.startswith("task/"):
            touched.setdefault(record.stream.removeprefix("task/"))
    position.busy = [task for task in touched if is_taken(store.leases, task)]
    resting = [task for task in touched if task not in position.busy]
    states = [fold(task, store.log.read(stream=stream_of(task))) for task in resting]
    return [state for state in states if state.opened_at is not None], position


def _resumed(store: Store, text: str | None) -> Position:
    position = Position.parse(text)
    if position.seq:
        record = next(store.log.read(after=position.seq - 1, limit=1), None)
        if record is None or record.seq != position.seq or record.hash.hex() != position.hash:
            return Position()
    return position
