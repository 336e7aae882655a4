"""What `agentos up` says of its own accord: a sensor or schedule that has fallen silent, and a run that failed."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from agentos.workspace.pulse import SILENT_HINT, failures, silent

EVERY = 5.0
"""Seconds between two looks."""


class Alarm:
    """Says each thing once: when it begins, and when what was silent is heard again."""

    def __init__(self, root: Path, echo: Callable[[str], object]) -> None:
        self._root = root
        self._echo = echo
        self._silent: set[str] = set()
        self._failed = {one.run for one in failures(root)}
        self._next = time.monotonic() + EVERY

    def look(self) -> None:
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + EVERY
        self._look_for_silence()
        for failed in failures(self._root):
            if failed.run not in self._failed:
                self._failed.add(failed.run)
                goes_on = " Its tasks are taken up again." if failed.job == "advance_tasks" else ""
                self._echo(f"A run failed: {failed.job} {failed.run[:8]}.{goes_on}")

    def _look_for_silence(self) -> None:
        now = {one.name: one for one in silent(self._root)}
        for name in now.keys() - self._silent:
            self._echo(f"{now[name]}. {SILENT_HINT}")
        for name in self._silent - now.keys():
            self._echo(f"{name} is heard again.")
        self._silent = set(now)
