"""A workspace with several tasks and two workers, killed at random instants and started again, then counted."""

from __future__ import annotations

import os
import random
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.crash.counting import Count, count
from tests.crash.nursery import Child, Nursery
from tests.crash.operating import record_of
from tests.crash.wishes import named, rename_sender
from tests.crash.worlds import worlds
from tests.fakes.openai_server import Handler, OpenAIServer, Seen, openai_server
from tests.fakes.writer import works

POLL = 0.004
"""Seconds between two looks at the workers."""
WITH_MODELS = ("produce", "post", "invoice", "undone", "cancelled", "refused")
"""The wishes of a workspace that has models: the one who orders is understood by a question to the operator only."""
_MODELS = """\
[[models.{tier}]]
model = "{tier}-model"
base_url = "{url}"
api_key_env = "MODEL_KEY"
input_price = 1
output_price = 10
"""


class GaveUp(Exception):
    """A worker that nobody killed ended with an error."""


@dataclass
class Pace:
    """How long a clean run takes two workers: what random instants are drawn from."""

    seconds: float = 5.0
    points: int = 1000


@dataclass
class Places:
    """What the whole harness shares: a warm parent, the worlds, and fresh workspaces to copy."""

    folder: Path
    nursery: Nursery
    world: dict[str, Any]
    models: OpenAIServer
    made: int = 0

    def fresh(self, root: Path, *, models: bool) -> None:
        made = self.folder / ("made-models" if models else "made")
        if not made.exists():
            lines = "".join(_MODELS.format(tier=tier, url=self.models.base_url) for tier in ("small", "large"))
            job = {"acts": ["make"], "trace": str(self.folder / "trace"), "models": lines if models else ""}
            code, result = self.nursery.run(root=str(made), smtp=self.world["smtp"], **job)
            assert code == 0, result
        shutil.copytree(made, root, symlinks=True)
        self.made += 1
        rename_sender(root, f"heide@w{self.made}.example")


@contextmanager
def places(folder: Path, nursery: Nursery, seed: str) -> Iterator[Places]:
    """seed: of the worlds' whims; an empty one gives worlds that never fail."""
    folder.mkdir(parents=True, exist_ok=True)
    with worlds(folder / "worlds", seed) as world, openai_server(_works) as models:
        yield Places(folder, nursery, world, models)


def _works(handler: Handler, seen: Seen) -> None:
    """A request that a killed worker sent by half is asked, and not answered."""
    if "response_format" in seen.body:
        works()(handler, seen)


@dataclass
class Worker:
    """A process at work; `dies` is the moment at which it is killed, on the monotonic clock, if at all."""

    child: Child
    dies: float | None

    def kill(self) -> None:
        os.kill(self.child.pid, signal.SIGKILL)


@dataclass
class Ruin:
    """One workspace and everything that is done to it, decided by `rng` alone.

    wishes: the names of those it is about; none means all.
    """

    places: Places
    folder: Path
    wishes: tuple[str, ...] = ()
    models: bool = False
    rng: random.Random = field(default_factory=lambda: random.Random(0))
    pace: Pace = field(default_factory=Pace)
    on_kill: Callable[[], None] = lambda: None
    kills: int = 0
    workers: list[Worker] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.root = self.folder / "w"
        self.folder.mkdir(parents=True)
        self.places.fresh(self.root, models=self.models)
        self._asked = len(self.places.models.requests)
        self._job = {
            "root": str(self.root), "acts": ["work"], "acks": str(self.folder / "acks"), "wishes": self.wishes,
            "shop": self.places.world["shop"], "epoch": time.time(), "environ": {"MODEL_KEY": "k"},
        }  # fmt: skip

    def __call__(self, kills: int) -> Count:
        """Kill so often, unless everything is done before; then let two workers finish, and count. Raises GaveUp."""
        self.workers = [self._start(kills) for _ in range(2)] if kills else []
        while self.kills < kills and self._all_alive(kills):
            time.sleep(POLL)
        for worker in self.workers:
            worker.kill()
            self._told(worker.child.wait())
        self.workers = [Worker(self._child(None), None) for _ in range(2)]
        for worker in self.workers:
            self._told(worker.child.wait(), worker)
        return self.counted()

    def run(self, kill: str | None = None) -> bool:
        """One worker, to the end or to the point `kill`: whether it died there. Raises GaveUp."""
        child = self.places.nursery.start(trace=str(self.folder / "trace"), kill=kill, **self._job)
        code = child.wait()
        self._told(code, Worker(child, None))
        return code != 0

    def trace(self) -> list[str]:
        """The durable points that its workers have passed."""
        return [line for path in sorted(self.folder.glob("trace*")) for line in path.read_text().splitlines()]

    def counted(self) -> Count:
        asked = len(self.places.models.requests) - self._asked if self.models else None
        record = record_of(self.places.world["shop"])
        acks = self.folder / "acks"
        return count(self.root, named(self.wishes), record, acks.read_text().split() if acks.exists() else [], asked)

    def _start(self, kills: int) -> Worker:
        """A worker with its end before it: at the n-th durable point that it passes, or at a moment."""
        at_point, share = self.rng.random() < 0.5, self.rng.random() * 4 / kills
        if at_point:
            return Worker(self._child(1 + int(self.pace.points / 2 * share)), None)
        return Worker(self._child(None), time.monotonic() + self.pace.seconds * share)

    def _child(self, nth: int | None) -> Child:
        return self.places.nursery.start(trace=str(self.folder / f"trace-{nth is None}"), nth=nth, **self._job)

    def _all_alive(self, kills: int) -> bool:
        """Sees to the two workers: kills whose time has come, replaces who is dead. False when all work is done."""
        for place, worker in enumerate(self.workers):
            if worker.dies is not None and time.monotonic() >= worker.dies:
                worker.kill()
                code: int | None = worker.child.wait()
            else:
                code = worker.child.poll()
            if code is None:
                continue
            self._told(code, worker)
            if code == 0:
                self.workers.pop(place)
                return False
            if self.rng.random() < 0.2:
                self._both(1 - place, kills)
            self.workers[place] = self._start(kills)
        return True

    def _both(self, place: int, kills: int) -> None:
        """The other one dies with it."""
        self.workers[place].kill()
        self._told(self.workers[place].child.wait())
        self.workers[place] = self._start(kills)

    def _told(self, code: int, worker: Worker | None = None) -> None:
        if code == -signal.SIGKILL:
            self.kills += 1
            self.on_kill()
        elif code != 0:
            raise GaveUp(worker.child.result.get("error", "") if worker is not None else str(code))
