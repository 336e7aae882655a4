"""Where the real program is killed: named durable points, put around it from outside.

A point is named by what happens there and counted: "committed effect.started:site.publish#1". Every point that a run
passes is a line of its trace; the run that is told to die at one sends itself SIGKILL there. Nothing in the program
knows of this.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import apsw

from agentos.events import blobs, sqlite, writer
from agentos.events.record import NewEvent
from agentos.models.request import ModelAnswer, ModelRequest
from agentos.platform import Platform

_CHECKPOINT = 1000
"""Pages of WAL after which SQLite checkpoints by itself; its hook is the one that is borrowed here."""
_scope: ContextVar[str] = ContextVar("scope", default="")


class Points:
    """`hit(name)` notes that the run stands at `name`, and dies there if it was told to: at the point `kill`, or at the
    n-th it passes. `act` is called instead at the point `at`, once: the world changes there, and the run goes on."""

    def __init__(
        self,
        trace: Path,
        kill: str | None,
        nth: int | None = None,
        at: str | None = None,
        act: Callable[[], None] = lambda: None,
    ) -> None:
        self._kill, self._nth = kill, nth
        self._at, self._act = at, act
        self._passed = 0
        self._trace = os.open(trace, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()

    def hit(self, name: str) -> None:
        with self._lock:
            self._counts[name] += 1
            self._passed += 1
            point = f"{name}#{self._counts[name]}"
            os.write(self._trace, f"{point}\n".encode())
            if point == self._kill or self._passed == self._nth:
                os.kill(os.getpid(), signal.SIGKILL)
            if point == self._at:
                self._act()

    def around(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """`call` with a point before and after it; what it writes to disk meanwhile gets points of its own."""

        def wrapped(*arguments: Any, **named: Any) -> Any:
            self.hit(f"before {name}")
            with _within(name):
                result = call(*arguments, **named)
            self.hit(f"after {name}")
            return result

        return wrapped

    def around_async(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        async def wrapped(*arguments: Any, **named: Any) -> Any:
            self.hit(f"before {name}")
            result = await call(*arguments, **named)
            self.hit(f"after {name}")
            return result

        return wrapped


@contextmanager
def _within(name: str) -> Iterator[None]:
    token = _scope.set(name)
    try:
        yield
    finally:
        _scope.reset(token)


def label(event: NewEvent) -> str:
    """What tells one event of a task from another: "step.completed:draft", "effect.started:site.publish"."""
    data = event.data
    if "effect" in data:
        system, rest = str(data["effect"]).split(":", 1)
        undone = ".undo" if rest.endswith("/undo") else ""
        return f"{event.type}:{system}.{rest.split('/')[1]}{undone}"
    return f"{event.type}:{data['step']}" if "step" in data else event.type


def around_disk(points: Points) -> None:
    """Before and after every sync, rename and child process of what runs `around` something."""

    def pointed(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*arguments: Any, **named: Any) -> Any:
            if not (scope := _scope.get()):
                return call(*arguments, **named)
            points.hit(f"before {name} in {scope}")
            result = call(*arguments, **named)
            points.hit(f"after {name} in {scope}")
            return result

        return wrapped

    for name in ("fsync", "replace"):
        setattr(os, name, pointed(name, getattr(os, name)))
    start = subprocess.Popen.__init__
    setattr(subprocess.Popen, "__init__", pointed("child", start))  # noqa: B010
    setattr(blobs.Blobs, "put", points.around("blob", blobs.Blobs.put))  # noqa: B010


def around_log(points: Points, told: Callable[[int], None] = lambda pages: None) -> None:
    """ "insert X": X's transaction is open, what stands before X in it is inserted; "commit X": all of it is, and the
    commit has begun; "committed X": it is durable, and nobody has been told. `told` learns how many pages the
    WAL has after each."""
    pending: list[str] = []
    stored, commit, connect = writer.Writer._stored, writer.Writer.commit, sqlite.connect

    def storing(self: Any, event: NewEvent, *more: Any) -> Any:
        points.hit(f"insert {label(event)}")
        pending.append(label(event))
        return stored(self, event, *more)

    def committing(self: Any, batch: Any, *, patient: bool) -> Any:
        pending.clear()
        return commit(self, batch, patient=patient)

    def at(what: str) -> None:
        for name in pending:
            points.hit(f"{what} {name}")

    def connected(path: Path, *more: Any) -> apsw.Connection:
        connection = connect(path, *more)

        def before() -> bool:
            at("commit")
            return False

        def after(_: apsw.Connection, database: str, pages: int) -> int:
            told(pages)
            at("committed")
            if pages >= _CHECKPOINT:
                with suppress(apsw.BusyError):  # another process is at it: SQLite's own hook passes over that, too
                    connection.wal_checkpoint(database, apsw.SQLITE_CHECKPOINT_PASSIVE)
            return apsw.SQLITE_OK

        connection.set_commit_hook(before)
        connection.set_wal_hook(after)
        return connection

    setattr(writer.Writer, "_stored", storing)  # noqa: B010
    setattr(writer.Writer, "commit", committing)  # noqa: B010
    setattr(sqlite, "connect", connected)  # noqa: B010


def around_platform(points: Points, platform: Platform) -> None:
    """Around every effect, agent, capability and model call."""
    from agentos.tasks.capabilities import CAPABILITIES

    for name, system in platform.systems.items():
        act = system.do

        def do(verb: str, payload: dict[str, Any], key: str, *, _act: Any = act, _name: str = name) -> Any:
            undone = ".undo" if key.endswith("/undo") else ""
            return points.around(f"do {_name}.{verb}{undone}", _act)(verb, payload, key)

        setattr(system, "do", do)  # noqa: B010
    ask = platform.models.call

    async def call(request: ModelRequest) -> ModelAnswer:
        answer: ModelAnswer = await points.around_async(f"model {request.tier}", ask)(request)
        return answer

    setattr(platform.models, "call", call)  # noqa: B010
    for role, agent in platform.agents.items():
        setattr(agent, "run", points.around_async(f"agent {role}", agent.run))  # noqa: B010
    for name, capability in list(CAPABILITIES.items()):
        CAPABILITIES[name] = points.around_async(f"tool {name}", capability)


def around_monitor(points: Points) -> None:
    """Around one look at the views, which are brought up to date by it."""
    from agentos.monitor import watching

    setattr(watching, "watch", points.around("look", watching.watch))  # noqa: B010
