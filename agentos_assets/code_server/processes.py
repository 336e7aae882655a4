"""Run processes out of a fork server, in the place where Dagster keeps its `multiprocessing` context."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext, ForkServerProcess
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Event
from typing import Any

from agentos_assets.code_server import insisting, preload, rest

LOOK_AGAIN = 1.0
"""Seconds between two looks at whether the fork server lives."""
REST_AFTER = 60.0
"""Seconds that a first run is waited for, before the fork server imports the rest and forks nothing meanwhile."""


class ForkedRuns:
    """What Dagster's code server asks of a context: a queue, an event and a process, each usable across the fork.

    `environ` is what a run sees: it travels through the pipe that starts the run, and no other process inherits it.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = dict(environ)
        self._context: ForkServerContext = multiprocessing.get_context("forkserver")
        self._lives: list[Connection] = []
        self._rest_from = 0.0
        self._ended = threading.Event()

    def warm_up(self) -> None:
        """Start the fork server. It takes on this process's environment and descriptors, so call it before anything
        else; when it has died, the next run starts it again in the same way."""
        self._context.set_forkserver_preload(list(preload.MODULES))
        forkserver.ensure_running()

    def keep_warm(self) -> None:
        """Until `end`. A fork server that has died is started again before somebody waits for it: importing takes
        seconds. The rest it imports at a quiet moment."""
        complete, self._rest_from = None, time.monotonic() + REST_AFTER
        while not self._ended.wait(LOOK_AGAIN):
            forkserver.ensure_running()
            if self._quiet() and (complete is None or not _is_there(complete)):
                complete = self._import_rest()

    def _quiet(self) -> bool:
        """No run lives, and one has: who has just started the platform may be about to ask for something."""
        for one in [one for one in self._lives if one.poll()]:
            self._lives.remove(one)
            self._rest_from = 0.0
        return not self._lives and time.monotonic() > self._rest_from

    def _import_rest(self) -> int | None:
        """The id of the fork server that has been told; None where it died at that."""
        heard, line = multiprocessing.Pipe(duplex=False)
        teller = self._context.Process(target=rest.tell_parent, args=(line,), daemon=True)
        with heard, suppress(EOFError, OSError):
            with line:
                teller.start()
            return int(heard.recv())
        return None

    def end(self) -> None:
        """No run begins any more: it would start the fork server anew, and outlive whoever was told to end."""
        self._ended.set()

    def Queue(self) -> Queue[Any]:  # noqa: N802 - Dagster's names
        return self._context.Queue()

    def Event(self) -> Event:  # noqa: N802
        return self._context.Event()

    def Process(self, target: Callable[..., object], args: Sequence[Any]) -> RunProcess:  # noqa: N802
        process = RunProcess(target, args, self._environ, self._ended)
        self._lives.append(process.life)
        return process


class RunProcess(ForkServerProcess):
    """Is alive for as long as it is: a fork server that dies takes the exit codes with it, not the runs.

    The run holds the writing end of a pipe, which the system closes with the process, whoever its parent is by then.
    """

    def __init__(
        self, target: Callable[..., object], args: Sequence[Any], environ: Mapping[str, str], ended: threading.Event
    ) -> None:
        self.life, line = multiprocessing.Pipe(duplex=False)
        super().__init__(target=_in_environment, args=(line, environ, target, args))
        self._line, self._ended = line, ended

    def __getstate__(self) -> dict[str, Any]:
        """What is sent to the run: its end of the pipe goes with the arguments."""
        return {name: value for name, value in self.__dict__.items() if name not in ("life", "_line", "_ended")}

    def start(self) -> None:
        """Raises RuntimeError once no run begins any more."""
        try:
            if self._ended.is_set():
                raise RuntimeError("the code server ends, no run begins any more")
            super().start()
        finally:
            self._line.close()
        if self._ended.is_set():  # it came meanwhile, perhaps before there was a process to be told
            self.terminate()

    def is_alive(self) -> bool:
        return super().is_alive() or not self.life.poll()


def _is_there(process: int) -> bool:
    try:
        os.kill(process, 0)
    except OSError:
        return False
    return True


def _in_environment(
    line: Connection, environ: Mapping[str, str], target: Callable[..., object], args: Sequence[Any]
) -> None:
    signal.signal(rest.SIGNAL, signal.SIG_DFL)
    os.environ.clear()
    os.environ.update(environ)
    insisting.insist()
    with line:
        target(*args)
