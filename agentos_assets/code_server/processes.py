"""Run processes out of a fork server, in the place where Dagster keeps its `multiprocessing` context."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext, ForkServerProcess
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Event
from typing import Any

from agentos_assets.code_server import preload

LOOK_AGAIN = 1.0
"""Seconds between two looks at whether the fork server lives."""


class ForkedRuns:
    """What Dagster's code server asks of a context: a queue, an event and a process, each usable across the fork.

    `environ` is what a run sees: it travels through the pipe that starts the run, and no other process inherits it.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = dict(environ)
        self._context: ForkServerContext = multiprocessing.get_context("forkserver")

    def warm_up(self) -> None:
        """Start the fork server. It takes on this process's environment and descriptors, so call it before anything
        else; when it has died, the next run starts it again in the same way."""
        self._context.set_forkserver_preload(list(preload.MODULES))
        forkserver.ensure_running()

    def keep_warm(self, ended: threading.Event) -> None:
        """A fork server that has died is started again before somebody waits for it: importing takes seconds."""
        while not ended.wait(LOOK_AGAIN):
            forkserver.ensure_running()

    def Queue(self) -> Queue[Any]:  # noqa: N802 - Dagster's names
        return self._context.Queue()

    def Event(self) -> Event:  # noqa: N802
        return self._context.Event()

    def Process(self, target: Callable[..., object], args: Sequence[Any]) -> RunProcess:  # noqa: N802
        return RunProcess(target, args, self._environ)


class RunProcess(ForkServerProcess):
    """Is alive for as long as it is: a fork server that dies takes the exit codes with it, not the runs.

    The run holds the writing end of a pipe, which the system closes with the process, whoever its parent is by then.
    """

    def __init__(self, target: Callable[..., object], args: Sequence[Any], environ: Mapping[str, str]) -> None:
        self._life, line = multiprocessing.Pipe(duplex=False)
        super().__init__(target=_in_environment, args=(line, environ, target, args))
        self._line = line

    def __getstate__(self) -> dict[str, Any]:
        """What is sent to the run: its end of the pipe goes with the arguments."""
        return {name: value for name, value in self.__dict__.items() if name not in ("_life", "_line")}

    def start(self) -> None:
        try:
            super().start()
        finally:
            self._line.close()

    def is_alive(self) -> bool:
        return super().is_alive() or not self._life.poll()


def _in_environment(
    line: Connection, environ: Mapping[str, str], target: Callable[..., object], args: Sequence[Any]
) -> None:
    os.environ.clear()
    os.environ.update(environ)
    with line:
        target(*args)
