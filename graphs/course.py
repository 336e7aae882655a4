"""The course of a backfill: a file a finished day, so that one that is killed goes on where it was."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from agentos.errors import AgentOSError

REPORT, ASKED = "report.json", "asked.json"


@dataclass(frozen=True)
class Course:
    """`folder` below state/replays/. `done`: days that an interrupted one had finished, with their reports."""

    folder: Path
    done: dict[date, dict[str, Any]]

    def keep(self, day: date, report: dict[str, Any]) -> None:
        """The day is done. Written aside and renamed: it is there whole, or not at all."""
        _write(self.folder / f"{day}.json", report)

    def end(self, report: dict[str, Any]) -> Path:
        """All days are done; the same backfill, asked for again, begins anew."""
        path = self.folder / REPORT
        _write(path, report)
        return path


@contextmanager
def course(replays: Path, name: str, asked: dict[str, Any], *, again: bool = False) -> Iterator[Course]:
    """The course of what was `asked`, held by this process. Raises AgentOSError while another one is at it.

    One that was interrupted goes on; one that had come to its end, or was asked something else, begins anew; with
    `again` any does.
    """
    folder = replays / name
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with open(replays / f".{name}.lock", "w") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AgentOSError(
                "The same backfill runs already.", hint="Wait for it, or ask for other days.", code="backfill.busy"
            ) from None
        if again or (folder / REPORT).exists() or _read(folder / ASKED) != asked:
            shutil.rmtree(folder)
            folder.mkdir(mode=0o700)
            _write(folder / ASKED, asked)
        yield Course(folder, _done(folder))


def _done(folder: Path) -> dict[date, dict[str, Any]]:
    found = {}
    for path in folder.glob("????-??-??.json"):
        report = _read(path)
        if report is not None:
            found[date.fromisoformat(path.stem)] = report
    return found


def _read(path: Path) -> dict[str, Any] | None:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None


def _write(path: Path, value: dict[str, Any]) -> None:
    aside = path.with_name(f".{path.name}")
    with open(aside, "w", encoding="utf-8") as file:
        json.dump(value, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    os.replace(aside, path)
