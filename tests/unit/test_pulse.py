"""What the operator hears of a served workspace that is not as it should be, and what is said when all is well."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from click.testing import CliRunner

from agentos.workspace.answers import demo
from agentos.workspace.doctor import examine
from agentos.workspace.init import init_workspace
from agentos.workspace.pulse import FailedRun, beat, expect, failures, note_failure, silent
from agentos_assets.alarm import Alarm
from agentos_assets.code_server.heard import LEAST, limits_of
from agentos_assets.home import MODULE
from agentos_assets.resources import PlatformResource
from agentos_assets.sensors import failed_runs
from desk.main import cli

NOW = datetime.now(UTC)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    init_workspace(tmp_path / "ws", demo())
    return tmp_path / "ws"


@pytest.fixture
def served(root: Path) -> Iterator[Path]:
    with (root / "state" / "up.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield root


def age(root: Path, name: str, seconds: float) -> None:
    then = time.time() - seconds
    os.utime(root / "state" / "pulse" / f"{name}.beat", (then, then))


def status(root: Path) -> str:
    return CliRunner().invoke(cli, ["--workspace", str(root), "status"]).output


def test_a_sensor_that_has_fallen_silent_is_said_by_up_status_and_doctor(served: Path) -> None:
    said: list[str] = []
    expect(served, {"ready_tasks": 60.0, "prune_daily": 200_000.0})
    alarm = Alarm(served, said.append)
    assert silent(served) == []
    age(served, "ready_tasks", 300)
    age(served, "prune_daily", 100_000)
    for _ in range(3):
        alarm._next = 0.0
        alarm.look()
    assert len(said) == 1
    assert said[0].startswith("Nothing has been heard from ready_tasks for 5 min; more than 60 s is wrong. Was it")
    assert "Nothing has been heard from ready_tasks for 5 min" in status(served)
    assert [one.what for one in examine(served, {}) if one.area == "pulse"] == [
        "Nothing has been heard from ready_tasks for 5 min; more than 60 s is wrong."
    ]
    beat(served, "ready_tasks")
    alarm._next = 0.0
    alarm.look()
    assert said[1:] == ["ready_tasks is heard again."]
    assert "heard" not in status(served)


def test_nothing_is_expected_of_a_workspace_that_nobody_serves(root: Path) -> None:
    expect(root, {"ready_tasks": 60.0})
    age(root, "ready_tasks", 3000)
    assert silent(root) == []
    assert "heard" not in status(root)


def test_what_is_no_longer_there_is_no_longer_expected(served: Path) -> None:
    expect(served, {"old_sensor": 60.0, "ready_tasks": 60.0})
    expect(served, {"ready_tasks": 60.0})
    age(served, "ready_tasks", 100)
    beat(served, "somebody_else")
    assert [one.name for one in silent(served)] == ["ready_tasks"]


def test_each_of_ours_is_expected_as_often_as_it_speaks() -> None:
    expected = limits_of(MODULE)
    assert {"ready_tasks", "shown_tasks", "failed_runs", "prune_daily"} <= expected.keys()
    assert expected["ready_tasks"] == LEAST
    assert 2 * 86_400 <= expected["prune_daily"] <= 3 * 86_400


@dg.op
def breaks() -> None:
    raise ValueError("Acme Studio")


@dg.job
def broken() -> None:
    breaks()


def test_a_run_that_failed_is_noted_without_a_word_of_what_it_did_and_said_once(root: Path) -> None:
    said: list[str] = []
    alarm = Alarm(root, said.append)
    with dg.DagsterInstance.ephemeral() as instance:
        result = broken.execute_in_process(instance=instance, raise_on_error=False)
        context = dg.build_run_status_sensor_context(
            "failed_runs", result.get_run_failure_event(), instance, result.dagster_run
        ).for_run_failure()
        failed_runs(context, platform=PlatformResource(workspace=str(root)))
    for _ in range(2):
        alarm._next = 0.0
        alarm.look()
    name = result.dagster_run.run_id[:8]
    assert said == [f"A run failed: broken {name}."]
    assert "1 run(s) failed today" in status(root)
    assert b"Acme" not in (root / "state" / "pulse" / "failed-runs.jsonl").read_bytes()


def test_old_failures_are_not_shown_and_few_are_kept(root: Path) -> None:
    for n in range(30):
        note_failure(root, FailedRun(f"run-{n}", "advance_tasks", NOW - timedelta(days=2)))
    assert [one.run for one in failures(root)] == [f"run-{n}" for n in range(10, 30)]
    assert "failed today" not in status(root)
