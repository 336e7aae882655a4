"""Sealing a day and refreshing views, killed before and after each write, sync and rename, and run again."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


def lived(folder: Path, *which: str) -> list[dict[str, Any]]:
    run = subprocess.run(
        [sys.executable, "-m", "tests.crash.viewing", str(folder), *which], cwd=ROOT, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    return [json.loads(line) for line in run.stdout.splitlines()]


def same_whatever_killed_it(said: list[dict[str, Any]], least: int) -> None:
    head, *rest = said
    assert head["points"] > 60
    assert len(rest) >= least
    assert head["expected"]["sealable"] == 0
    for one in rest:
        assert one["ended"] == -signal.SIGKILL, one
        assert one["found"] is not None, one  # a reader never meets half of a file
        assert "altered" not in one["found"]["days"], one
        assert one["same"], (one, head)


def test_a_few_views_and_a_day_survive_a_kill_anywhere(tmp_path: Path) -> None:
    same_whatever_killed_it(lived(tmp_path, "few", "7"), 9)


@pytest.mark.slow
def test_all_views_survive_a_kill_anywhere(tmp_path: Path) -> None:
    same_whatever_killed_it(lived(tmp_path, "all"), 100)
