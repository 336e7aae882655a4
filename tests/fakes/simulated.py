"""A simulated history for tests: the real program's, of a week and a bit, made once a session."""

from __future__ import annotations

import asyncio
from datetime import date
from pathlib import Path

from agentos.workspace.answers import demo
from agentos.workspace.init import init_workspace
from desk.simulation.quarter import Quarter

SEED, FIRST, DAYS = 1, date(2026, 11, 16), 8


def simulated(root: Path, *, seed: int = SEED, first: date = FIRST, days: int = DAYS) -> Quarter:
    """Made in `root`, which then is a workspace. Its store is closed."""
    init_workspace(root, demo())
    quarter = Quarter(root, seed, first, days)
    asyncio.run(quarter.play())
    return quarter
