"""Wakes a tail when any process commits: the operating system's file notification on the log's own files."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import TracebackType


class Doorbell:
    """`async with Doorbell(path) as bell: await bell.rang(seconds)`. Watching begins before the first look, so no
    ring is lost."""

    def __init__(self, path: Path) -> None:
        self._names = {path.name, f"{path.name}-wal"}
        self._folder = path.parent
        self._stop = asyncio.Event()
        self._event = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Doorbell:
        self._task = asyncio.create_task(self._watch())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        if self._task is not None:
            await self._task

    async def rang(self, patience: float | None) -> bool:
        """True after a commit, False after `patience` seconds without one."""
        try:
            await asyncio.wait_for(self._event.wait(), patience)
        except TimeoutError:
            return False
        self._event.clear()
        return True

    async def _watch(self) -> None:
        from watchfiles import awatch

        changes = awatch(
            self._folder,
            stop_event=self._stop,
            step=10,
            debounce=50,
            rust_timeout=1000,
            recursive=False,
            yield_on_timeout=True,
        )
        async for found in changes:
            if any(Path(name).name in self._names for _, name in found) or not found:
                self._event.set()  # a timeout rings too: a missed notification costs a second, never an event
