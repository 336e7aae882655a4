"""Signs of life of a served workspace, in files that the lightest command can read: `agentos up` writes them into
`state/pulse/`, and they say nothing of clients. A dead man's alarm: silence is noticed by whoever looks, not by what
has fallen silent."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson

MOST_FAILURES = 20
SILENT_HINT = (
    "Was it switched off in Dagster's page? Else see state/dagster/services/daemon.log, or start `agentos up` anew."
)
_FAILURES = "failed-runs.jsonl"
_ENDING = ".beat"


@dataclass(frozen=True)
class Silence:
    """A sensor or schedule that was last heard `seconds` ago, though `limit` is the most that is right for it."""

    name: str
    seconds: float
    limit: float

    def __str__(self) -> str:
        last, most = _long(self.seconds), _long(self.limit)
        return f"Nothing has been heard from {self.name} for {last}; more than {most} is wrong"


@dataclass(frozen=True)
class FailedRun:
    run: str
    job: str
    at: datetime


def is_served(root: Path) -> bool:
    """Whether an `agentos up` holds the workspace now."""
    try:
        with (root / "state" / "up.lock").open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def expect(root: Path, limits: Mapping[str, float]) -> None:
    """From now on each of these is to be heard within so many seconds, and nothing else is expected."""
    folder = _folder(root)
    for name, limit in limits.items():
        (folder / f"{name}{_ENDING}").write_text(str(limit))
    for path in folder.glob(f"*{_ENDING}"):
        if path.name.removesuffix(_ENDING) not in limits:
            path.unlink()


def beat(root: Path, name: str) -> None:
    """It was heard. What is not expected, or a folder that is gone, is passed over: a sign of life stops nothing."""
    try:
        os.utime(_folder(root) / f"{name}{_ENDING}")
    except OSError:
        return


def silent(root: Path) -> list[Silence]:
    """What has been silent for too long, the longest first; nothing is expected of a workspace that nobody serves."""
    if not is_served(root):
        return []
    found = []
    for path in (root / "state" / "pulse").glob(f"*{_ENDING}"):
        try:
            limit, since = float(path.read_text()), time.time() - path.stat().st_mtime
        except (OSError, ValueError):  # it is being written
            continue
        if since > limit:
            found.append(Silence(path.name.removesuffix(_ENDING), since, limit))
    return sorted(found, key=lambda one: -one.seconds)


def note_failure(root: Path, failed: FailedRun) -> None:
    """Kept: the newest MOST_FAILURES."""
    path = _folder(root) / _FAILURES
    kept = [*failures(root), failed][-MOST_FAILURES:]
    aside = path.with_suffix(".new")
    aside.write_bytes(b"".join(orjson.dumps(one, option=orjson.OPT_APPEND_NEWLINE) for one in kept))
    aside.replace(path)


def failures(root: Path) -> list[FailedRun]:
    """Failed runs, oldest first."""
    try:
        lines = (root / "state" / "pulse" / _FAILURES).read_bytes().splitlines()
    except OSError:
        return []
    found = [orjson.loads(line) for line in lines]
    return [FailedRun(raw["run"], raw["job"], datetime.fromisoformat(raw["at"]).astimezone(UTC)) for raw in found]


def lately(root: Path, now: datetime) -> list[FailedRun]:
    """Those of the last day."""
    return [one for one in failures(root) if now - one.at < timedelta(days=1)]


def _folder(root: Path) -> Path:
    folder = root / "state" / "pulse"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def _long(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"
