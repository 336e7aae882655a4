"""Five durable steps, one task at a time and sixteen at once."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.coordinator import Coordinator
from benchmarks.peers import BareTable, Dbos, LangGraph, Saver
from benchmarks.rows import Row, interleaved

AT_ONCE = 16
ONE_BY_ONE, TOGETHER = 12, 48
"""Tasks in one round."""
AIMS = {
    (Saver.name, 1): "<= 0.5",
    (LangGraph.name, 1): "<= 1.5",
    (Saver.name, AT_ONCE): ">= 5",
}


def measure(rounds: int) -> list[Row]:
    with tempfile.TemporaryDirectory(dir=".", prefix=".bench-") as scratch, asyncio.Runner() as loop:
        folder = Path(scratch)
        ours = Coordinator(folder, loop)
        peers: list[Any] = [kind(folder, loop) for kind in (LangGraph, Saver, Dbos, BareTable)]
        rows = []
        for at_once, count in ((1, ONE_BY_ONE), (AT_ONCE, TOGETHER)):
            found = interleaved(
                {"ours": _ours(ours, count, at_once)} | {peer.name: _peer(peer, count, at_once) for peer in peers},
                rounds,
            )
            rows += [_row(at_once, count, found["ours"], found[peer.name], peer.name) for peer in peers]
        for peer in peers:
            peer.close()
        ours.platform.store.close()
    return rows


def _ours(ours: Coordinator, count: int, at_once: int) -> Callable[[], float]:
    return lambda: ours.run(ours.planned(count), at_once)


def _peer(peer: Any, count: int, at_once: int) -> Callable[[], float]:
    return lambda: float(peer.run(count, at_once))


def _row(at_once: int, count: int, ours: float, peer: float, name: str) -> Row:
    aim = AIMS.get((name, at_once), "")
    if at_once == 1:
        return Row("five steps, one task at a time", "ms", ours / count * 1000, peer / count * 1000, name, aim)
    return Row(f"five steps, {at_once} tasks at once", "tasks/s", count / ours, count / peer, name, aim)
