"""What a long log costs: appending and `agentos status` at 10,000, 100,000 and 1,000,000 events, beside the shortest.

BENCH_EVENTS=10000000 adds one more length.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from agentos.platform import open_store
from benchmarks.appends import Ours, timed
from benchmarks.rows import Row, interleaved
from benchmarks.status import status, workspace

LENGTHS = (10_000, 100_000, 1_000_000)
AIM = "<= 1.1"
APPENDS = 100


def measure(rounds: int) -> list[Row]:
    more = os.environ.get("BENCH_EVENTS")
    lengths = (*LENGTHS, int(more)) if more else LENGTHS
    with tempfile.TemporaryDirectory(dir=".", prefix=".bench-") as scratch:
        roots = {f"{events:,}": workspace(Path(scratch), events) for events in lengths}
        appends = {name: _appends(root) for name, root in roots.items()}
        statuses = {name: status(root) for name, root in roots.items()}
        rows = _rows("an append", interleaved(appends, rounds), 1000 / APPENDS)
        return rows + _rows("agentos status", interleaved(statuses, rounds), 1000)


def _appends(root: Path) -> Callable[[], float]:
    return timed(Ours(open_store(root)).append, 1, APPENDS)


def _rows(what: str, found: dict[str, float], scale: float) -> list[Row]:
    shortest, *longer = found
    return [
        Row(f"{what} at {name} events", "ms", found[name] * scale, found[shortest] * scale, f"at {shortest}", AIM)
        for name in longer
    ]
