"""Sealing and refreshing in a process that is killed at the n-th of the points before and after each write, sync and
rename; then what a reader finds, and what the next run makes of it. Run as a program, since it forks: it imports Polars
and calls nothing of it, because a fork would copy its locks.

    python -m tests.crash.viewing FOLDER all|few [EVERY]    prints a JSON line for each point, or for every EVERYth
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from agentos.clock import FixedClock
from agentos.platform import open_store
from agentos.views.catalogue import VIEWS
from agentos.views.history import check, seal, sealable, sealed_days
from agentos.views.read import path_of, read_view
from agentos.views.refresh import refresh
from agentos.views.sql import FILE, publish_sql
from tests.fakes.history import CLIENTS, Story

BEGAN = datetime(2026, 9, 1, 9, 0, tzinfo=UTC)
NOW = datetime(2026, 9, 5, 9, 0, tzinfo=UTC)
FEW = ("receivables", "tasks")


def tell(root: Path, turns: range, hours: int) -> None:
    """Events of several days."""
    clock = FixedClock(BEGAN + timedelta(hours=turns.start * hours))
    store, story = open_store(root, clock=clock), Story(count=turns.start * 100)
    for n in turns:
        clock.advance(timedelta(hours=hours))
        store.log.append(story.turn(n, CLIENTS[n % len(CLIENTS)], clock.at))
    store.close()


def work(root: Path, names: tuple[str, ...] | None) -> None:
    """What is to be survived: seal what is over, bring the views up to date, publish them to SQL."""
    store = open_store(root)
    for day in sealable(store, now=NOW):
        seal(store, day, now=NOW)
    refresh(store, names, now=NOW)
    publish_sql(root)
    store.close()


def look(root: Path, names: tuple[str, ...] | None) -> dict[str, Any]:
    """What a reader finds right after the kill: each view as it was or as it is, never half."""
    store = open_store(root)
    days = sorted({check(store, one.day) for one in sealed_days(store)})
    rows = {name: read_view(root, name).height for name in names or VIEWS if path_of(root, name).exists()}
    store.close()
    if (root / "state" / "views" / FILE).exists():
        import duckdb

        with duckdb.connect(root / "state" / "views" / FILE, read_only=True) as reader:
            rows["tasks by SQL"] = reader.execute("SELECT count(*) FROM tasks").fetchall()[0][0]
    return {"days": days, "rows": rows}


def outcome(root: Path, names: tuple[str, ...] | None) -> dict[str, Any]:
    """What stands once it was run again: digests of what every view and day says, and files that nobody needs."""
    work(root, names)
    store = open_store(root)
    views = {name: one.digest for name, one in refresh(store, names, now=NOW).items()}
    days = {one.day.isoformat(): one.digest for one in sealed_days(store)}
    left = [path.name for path in (root / "state").rglob("*.part*")]
    store.close()
    return {"views": views, "days": days, "sealable": len(sealable(store, now=NOW)), "left": left}


class Points:
    """Kills this process at the n-th point; n = 0 counts them."""

    def __init__(self, at: int) -> None:
        self.at, self.passed = at, 0

    def hit(self) -> None:
        self.passed += 1
        if self.passed == self.at:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def pointed(*arguments: Any, **options: Any) -> Any:
            self.hit()
            result = call(*arguments, **options)
            self.hit()
            return result

        return pointed


def killed(root: Path, names: tuple[str, ...] | None, at: int) -> int:
    """Points passed. Around the calls through which files come to be, and nothing else."""
    points = Points(at)
    for name in ("replace", "fsync", "open"):
        setattr(os, name, points.around(getattr(os, name)))
    work(root, names)
    return points.passed


def apart(job: Callable[[], Any]) -> Any:
    """The result of `job` in a child, or the signal that ended it, negative."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(reading)
            with open(writing, "w") as out:
                json.dump(job(), out)
        finally:
            os._exit(0)
    os.close(writing)
    with open(reading) as said:
        text = said.read()
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return json.loads(text) if text else code if code < 0 else None


def main(folder: Path, names: tuple[str, ...] | None, every: int) -> None:
    before, clean = folder / "before", folder / "clean"
    apart(lambda: tell(before, range(0, 20), 2))
    apart(lambda: work(before, names))
    apart(lambda: tell(before, range(20, 28), 2))
    shutil.copytree(before, clean)
    expected = apart(lambda: outcome(clean, names))
    shutil.copytree(before, folder / "count")
    points = apart(lambda: killed(folder / "count", names, 0))
    print(json.dumps({"points": points, "expected": expected}), flush=True)
    for at in range(1, points + 1, every):
        root = folder / "moved"
        shutil.rmtree(root, ignore_errors=True)
        shutil.copytree(before, root)
        ended = apart(lambda root=root, at=at: killed(root, names, at))  # type: ignore[misc]
        found = apart(lambda root=root: look(root, names))  # type: ignore[misc]
        after = apart(lambda root=root: outcome(root, names))  # type: ignore[misc]
        print(
            json.dumps({"at": at, "ended": ended, "found": found, "same": after == expected, "after": after}),
            flush=True,
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]), FEW if sys.argv[2] == "few" else None, int(sys.argv[3]) if len(sys.argv) > 3 else 1)
