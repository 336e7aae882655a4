"""Appending 0.5 KB events, one a commit and a hundred a commit. The hash chain is on, as always."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

from agentos.events.record import NewEvent
from agentos.platform import Store, open_store
from benchmarks.peers import Table
from benchmarks.rows import Row, interleaved

PAYLOAD = "x" * 480
EVENTS = {1: 200, 100: 3000}
"""Events a commit -> events in one round."""
AIM = ">= 1"


def measure(rounds: int) -> list[Row]:
    rows = []
    with tempfile.TemporaryDirectory(dir=".", prefix=".bench-") as scratch:
        for a_commit, events in EVENTS.items():
            ours = Ours(open_store(Path(scratch) / f"ours-{a_commit}"))
            recorder = Recorder(Path(scratch) / f"peer-{a_commit}.db")
            table = Table(Path(scratch) / f"bare-{a_commit}.db")
            contestants: dict[str, Callable[[int], None]] = {
                "ours": ours.append,
                Recorder.name: recorder.append,
                "the bare table": lambda n, table=table: table.commit([PAYLOAD.encode()] * n),  # type: ignore[misc]
            }
            found = interleaved({name: timed(call, a_commit, events) for name, call in contestants.items()}, rounds)
            for name in (Recorder.name, "the bare table"):
                aim = AIM if name == Recorder.name else ""
                metric = f"appends of 0.5 KB, {a_commit} a commit"
                rows.append(Row(metric, "events/s", events / found["ours"], events / found[name], name, aim))
            ours.store.close()
            recorder.close()
            table.close()
    return rows


def timed(append: Callable[[int], None], a_commit: int, events: int) -> Callable[[], float]:
    def run() -> float:
        began = time.perf_counter()
        for _ in range(events // a_commit):
            append(a_commit)
        return time.perf_counter() - began

    return run


class Ours:
    def __init__(self, store: Store) -> None:
        self.store = store
        self._n = store.log.head()[0]

    def append(self, events: int) -> None:
        self.store.log.append([self._event() for _ in range(events)])

    def _event(self) -> NewEvent:
        self._n += 1
        return NewEvent("tool.called", "task/bench", {"answer": PAYLOAD}, key=f"call/{self._n}", correlation="bench")


class Recorder:
    """pyeventsourcing's application recorder on SQLite, as its own factory makes it (WAL, synchronous FULL)."""

    name = "pyeventsourcing, SQLite recorder"

    def __init__(self, path: Path) -> None:
        from eventsourcing.persistence import StoredEvent
        from eventsourcing.sqlite import SQLiteApplicationRecorder, SQLiteDatastore

        self._event: Any = StoredEvent
        self._datastore = SQLiteDatastore(str(path))
        self._recorder = SQLiteApplicationRecorder(self._datastore)
        self._recorder.create_table()
        self._originator, self._version = uuid4(), 0

    def append(self, events: int) -> None:
        self._recorder.insert_events([self._next() for _ in range(events)])

    def _next(self) -> Any:
        self._version += 1
        return self._event(self._originator, self._version, "bench:Called", PAYLOAD.encode())

    def close(self) -> None:
        self._datastore.close()
