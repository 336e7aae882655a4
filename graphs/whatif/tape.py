"""What the record says was answered in one task, by tools, models and outside systems: each told once, in order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from agentos.events.blobs import Blobs
from agentos.events.log import Reader
from agentos.events.record import Record
from agentos.tasks.doubt import LAST
from agentos.tasks.run import stream_of
from agentos.tasks.state import TaskState, apply
from agentos.tasks.values import unpack

_ENDS = ("effect.done", "effect.found", "effect.failed", "effect.in_doubt")


@dataclass(frozen=True)
class Try:
    """One recorded try of a model call. `called` is absent where it failed; `failed` says with what, if anything."""

    reserved: Record
    settled: Record | None
    called: Record | None
    failed: Record | None


class Tape:
    def __init__(self, log: Reader, blobs: Blobs, task: str) -> None:
        found = {r.seq: r for r in (*log.read(stream=stream_of(task)), *log.read(correlation=task))}
        self.task, self.blobs = task, blobs
        self.own = [found[seq] for seq in sorted(found)]
        self.by_key = {record.key: record for record in self.own if record.key}
        self._told: set[int] = set()

    @property
    def opened(self) -> Record:
        return self.own[0]

    @property
    def forgotten(self) -> bool:
        return any(record.forgotten for record in self.own)

    def state(self) -> TaskState:
        """How it stood in truth, at the record's end."""
        state = TaskState(self.task)
        for record in self.own:
            if record.stream == stream_of(self.task):
                apply(state, record)
        return state

    def of(self, *types: str) -> Iterator[Record]:
        return (record for record in self.own if record.type in types)

    def tool(self, key: str, request: str) -> Record | None:
        """The answer to this very call; else to the same request elsewhere in the task."""
        same = (one for one in self.of("tool.called") if one.data["request"] == request and not one.data.get("asked"))
        return self.by_key.get(key) or next(same, None)

    def answer(self, record: Record) -> Any:
        return unpack(record.data.get("answer"), self.blobs, record.subject)

    def end_of(self, effect: str) -> Record | None:
        """The next thing that was recorded about this effect; None where no more is. That there will be no other try is
        our own word, not the outside's."""
        ends = (r for r in self.of(*_ENDS) if r.data["effect"] == effect and not (r.key or "").endswith(LAST))
        found = next((r for r in ends if r.seq not in self._told), None)
        if found is not None:
            self._told.add(found.seq)
        return found

    def next_try(self, digest: str) -> Try | None:
        """The next recorded try of this request that came to an end a caller saw; it is told once `take` is called."""
        for reserved in self.of("model.reserved"):
            if reserved.seq in self._told or reserved.data["call"].split("/")[-3] != digest[:24]:
                continue
            found = self._try(reserved)
            if found.called is not None or found.failed is not None:
                return found
        return None

    def take(self, one: Try) -> None:
        self._told.add(one.reserved.seq)

    def _try(self, reserved: Record) -> Try:
        call = reserved.data["call"]
        settled = self.by_key.get(f"model.settled/{self.task}/{call}")
        called = next((r for r in self.of("model.called") if r.data["call"] == call), None)
        failed = None
        if called is None and settled is not None:
            step = reserved.data["step"]
            failed = next((r for r in self.of("step.failed") if r.seq > settled.seq and r.data["step"] == step), None)
        return Try(reserved, settled, called, failed)
