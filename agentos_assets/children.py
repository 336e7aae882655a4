"""Child processes of `agentos up`: each leads a group of its own, so that nothing it starts outlives it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from agentos_assets import guard
from agentos_assets.environment import harmless

MOST_DEATHS = 5
"""In a row, each within STEADY seconds of its start: then restarting mends nothing."""
STEADY = 60.0
MADE_WAY = 75
"""Exit code of a service that asks to be started anew (EX_TEMPFAIL of sysexits.h)."""
LARGEST_LOG = 5_000_000
TO_OPERATOR = "agentos: "
"""How a line of a service begins that the operator is to see where she started it."""


@dataclass
class Service:
    """One program that is to run for as long as the supervisor does."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str]
    cwd: Path
    log: Path
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    deaths: int = 0
    restart_at: float | None = None
    heard: int = 0
    """Bytes of the log that were looked through for news."""

    def start(self) -> subprocess.Popen[bytes]:
        fresh = not self.log.exists() or self.log.stat().st_size > LARGEST_LOG
        self.heard = 0 if fresh else self.log.stat().st_size
        with self.log.open("wb" if fresh else "ab") as out:
            self.process = subprocess.Popen(
                self.argv,
                cwd=self.cwd,
                env=dict(self.env),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.started_at, self.restart_at = time.monotonic(), None
        return self.process

    def plan_restart(self) -> float | None:
        """It has died: seconds until it is started again; None when it has died too often."""
        if self.process is not None and self.process.returncode == MADE_WAY:
            self.process, self.restart_at = None, time.monotonic()
            return 0.0
        steady = time.monotonic() - self.started_at > STEADY
        self.deaths = 1 if steady else self.deaths + 1
        if self.deaths > MOST_DEATHS:
            return None
        delay = 0.5 * float(2 ** (self.deaths - 1))
        self.process, self.restart_at = None, time.monotonic() + delay
        return delay

    def news(self) -> list[str]:
        """What the service has had to say to the operator since it was asked last."""
        try:
            with self.log.open("rb") as file:
                file.seek(self.heard)
                whole, end, _ = file.read().rpartition(b"\n")
        except FileNotFoundError:
            return []
        self.heard += len(whole + end)
        lines = whole.decode("utf-8", "replace").splitlines()
        return [line.removeprefix(TO_OPERATOR) for line in lines if line.startswith(TO_OPERATOR)]

    def last_words(self) -> str:
        lines = [line for line in _end_of(self.log).splitlines() if line.strip()]
        return lines[-1].strip()[:300] if lines else ""


class Family:
    """The services that run, and the guard that stops them when the supervisor itself is killed.

    `lock` is handed to the guard: a second `agentos up` is refused until the last process of the first is gone.
    """

    def __init__(self, lock: int) -> None:
        self.killed: list[str] = []
        """Names of those that had to be killed at the end because they did not heed being asked."""
        self._lock = lock
        self._members: dict[int, subprocess.Popen[bytes]] = {}
        self._names: dict[int, str] = {}
        self._guard: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Family:
        self._guard = self._new_guard()
        return self

    def __exit__(self, *_: object) -> None:
        """Ends them all within guard.GRACE seconds, then the guard."""
        killed = guard.end(self._members, reap=lambda: [member.poll() for member in self._members.values()])
        self.killed = sorted(self._names[group] for group in killed)
        for process in list(self._members.values()):
            process.wait()
            self._forget(process)
        if self._guard is not None and self._guard.stdin is not None:
            self._guard.stdin.close()
            self._guard.wait()

    def start(self, service: Service) -> None:
        process = service.start()
        self._members[process.pid], self._names[process.pid] = process, service.name
        self._tell(f"+{process.pid}")

    def bury(self, process: subprocess.Popen[bytes]) -> None:
        """What a dead child has left running would hold its port or its socket: it ends with it."""
        guard.send(process.pid, signal.SIGKILL)
        self._forget(process)

    def _forget(self, process: subprocess.Popen[bytes]) -> None:
        del self._members[process.pid]
        self._tell(f"-{process.pid}")

    def _new_guard(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-I", guard.__file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            env=harmless(os.environ),
            pass_fds=(self._lock,),
            bufsize=0,
        )

    def _tell(self, *lines: str) -> None:
        if self._guard is None or self._guard.stdin is None:
            return
        try:
            self._guard.stdin.write("".join(f"{line}\n" for line in lines).encode())
        except BrokenPipeError:  # somebody killed it: its successor is told everything
            self._guard.stdin.close()
            self._guard.wait()
            self._guard = self._new_guard()
            self._tell(*(f"+{group}" for group in self._members))


def _end_of(path: Path) -> str:
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - 4000))
            return file.read().decode("utf-8", "replace")
    except FileNotFoundError:
        return ""
