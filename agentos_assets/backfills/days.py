"""Working through the days of a run: one after the other, and none twice in one backfill.

Dagster starts all runs of a backfill at once. They take turns by a lock that the system frees when its holder dies.
"""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Callable, Coroutine, Iterable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

from agentos.views.files import only_writer, publish

Work = Callable[[date, Path], Coroutine[Any, Any, dict[str, Any]]]
"""(day, an empty folder for whatever is to be kept of it) -> its report, as JSON values."""


def day_by_day(replays: Path, name: str, days: Iterable[date], work: Work) -> Iterator[tuple[date, dict[str, Any]]]:
    """`name` is the backfill's: a day that it has finished is not done again, one that was interrupted begins anew."""
    folder = replays / name
    for day in days:
        with only_writer(replays):
            report = _kept(folder / f"{day}.json")
            if report is None:
                shutil.rmtree(folder / str(day), ignore_errors=True)
                (folder / str(day)).mkdir(mode=0o700, parents=True)
                report = asyncio.run(work(day, folder / str(day)))
                publish(folder / f"{day}.json", json.dumps(report).encode())
        yield day, report


def _kept(path: Path) -> dict[str, Any] | None:
    try:
        value = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None
