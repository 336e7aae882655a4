"""Live progress: a thread follows the log's tail and prints a line an event, while the task runs beside it."""

from __future__ import annotations

import asyncio
import itertools
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import click

from desk.render.live import live_line
from desk.session import Session, colours

_FRAMES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"


@contextmanager
def followed(session: Session, task: str) -> Iterator[None]:
    """Print what happens to `task` while the block runs. A spinner turns only on a terminal; JSON is silent."""
    if session.as_json:
        yield
        return
    follower = _Follower(session, task)
    follower.start()
    try:
        yield
    finally:
        follower.stop()


class _Follower:
    """Has an event loop of its own, so that lines appear also while the task's own loop computes."""

    def __init__(self, session: Session, task: str) -> None:
        self._log = session.store.log
        self._stream = f"task/{task}"
        self._seen = self._log.head()[0]
        self._spins = sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
        self._began = time.monotonic()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="progress", daemon=True)

    def start(self) -> None:
        self._thread.start()
        self._ready.wait()

    def stop(self) -> None:
        """End, and print what the tail has not brought yet."""
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join()
        self._wipe()
        for record in self._log.read(after=self._seen, stream=self._stream):
            self._print(live_line(record))

    async def _run(self) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        self._ready.set()
        jobs = [asyncio.create_task(self._tail())]
        if self._spins:
            jobs.append(asyncio.create_task(self._spin()))
        await self._over.wait()
        for job in jobs:
            job.cancel()
        # A tail that broke (no file notification on this machine) delays lines to the end; it never fails the task.
        await asyncio.gather(*jobs, return_exceptions=True)

    async def _tail(self) -> None:
        async for record in self._log.tail(self._seen):
            self._seen = record.seq
            if record.stream == self._stream:
                self._print(live_line(record))

    async def _spin(self) -> None:
        for frame in itertools.cycle(_FRAMES):
            click.echo(f"\r  {frame} {time.monotonic() - self._began:.0f} s ", nl=False, color=colours())
            await asyncio.sleep(0.1)

    def _print(self, text: str | None) -> None:
        if text is not None:
            self._wipe()
            click.echo(text, color=colours())

    def _wipe(self) -> None:
        if self._spins:
            click.echo("\r\x1b[K", nl=False, color=True)
