"""Starts a run as soon as the log says that a task can go on, whoever wrote it: terminal, desk, webhook or clock.

Knows nothing of Dagster. The sensor `ready_tasks` asks the same question every few seconds and is the safety net: what
is missed here, or started twice, costs seconds or an idle run.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable

from agentos.clock import Clock
from agentos.errors import AgentOSError
from agentos.events.doorbell import Doorbell
from agentos.platform import Stopped, Store, refuse_if_stopped
from agentos_assets.attending import CREW, STARTER, attended_for, attending
from agentos_assets.ready import Cursor, Ready, look

PATIENCE = 1.0
"""Seconds between two looks while nothing is written: what time alone lets go on, and a run that has ended."""
ARRIVES = 10.0
"""Seconds that a run may take from its start to its first look at the log."""
AFTER_FAILURE = 5.0

Launch = Callable[[list[Ready]], None]


class Starter:
    """`launch` starts one run for all it is given, and may raise: then it is asked again."""

    def __init__(self, store: Store, launch: Launch, clock: Clock, logger: logging.Logger) -> None:
        self._store = store
        self._launch = launch
        self._clock = clock
        self._logger = logger
        self._cursor = str(Cursor.at_head(store))
        self._expected_until = 0.0

    async def watch(self, ended: threading.Event) -> None:
        with attending(self._store.leases, STARTER):
            async with Doorbell(self._store.log.path) as bell:
                while not ended.is_set():
                    await bell.rang(PATIENCE if self._turn() else AFTER_FAILURE)

    def _turn(self) -> bool:
        """False when it went wrong: whatever that was, it must not end the watching."""
        try:
            if not self._somebody_comes():
                self._look()
        except Stopped:
            pass
        except AgentOSError as error:
            self._logger.warning(f"Nothing could be started: {error.code}")
            return False
        except Exception as error:  # of Dagster's; its text may hold what a run was asked to do
            self._logger.warning(f"A run could not be started: {type(error).__name__}")
            return False
        return True

    def _somebody_comes(self) -> bool:
        """A run is there, or was started a moment ago; it reads the log before it lingers."""
        if attended_for(self._store.leases, CREW) is not None:
            self._expected_until = 0.0
            return True
        return asyncio.get_running_loop().time() < self._expected_until

    def _look(self) -> None:
        refuse_if_stopped(self._store.log, self._store.stop_file)
        ready, cursor = look(self._store, self._cursor, self._clock.now())
        if ready:
            self._launch(ready)
            self._expected_until = asyncio.get_running_loop().time() + ARRIVES
        self._cursor = str(cursor)
