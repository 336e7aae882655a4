"""`agentos simulate`: a whole history that holds what a quarter holds, and tells the same story for the same seed."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections import Counter
from datetime import date, timedelta
from pathlib import Path

import pytest

from agentos.events.verify import verify
from agentos.invariants.check import check
from agentos.platform import open_store
from agentos.tasks.invoices import invoices
from desk.simulation.agenda import ZONE
from graphs.opening import open_platform
from graphs.replay import replay
from tests.fakes.simulated import DAYS, FIRST, simulated
from tests.fakes.terminal import Agentos

pytestmark = pytest.mark.xdist_group("history")


def test_a_simulated_history_is_whole_and_keeps_every_invariant(history: Path) -> None:
    store = open_store(history)
    assert verify(store.log, store.blobs).ok
    assert check(store).violations == []
    days = {record.at.astimezone(ZONE).date() for record in store.log.read()}
    assert min(days) == FIRST
    assert FIRST + timedelta(days=DAYS - 3) <= max(days) < FIRST + timedelta(days=DAYS)
    store.close()


def test_it_holds_what_a_business_lives_through(history: Path) -> None:
    store = open_store(history)
    seen = Counter(record.type for record in store.log.read())
    wanted = (
        "approval.granted", "approval.answered", "effect.failed", "model.called", "task.parked", "task.failed",
        "platform.stopped", "number.assigned", "workspace.file_changed",
    )  # fmt: skip
    assert [type for type in wanted if not seen[type]] == []
    owed = invoices(store.log).values()
    assert any(one.payments for one in owed)
    assert any(one.open > 0 for one in owed)
    assert any(record.data["cost"] for record in store.log.read(types=("model.settled",)))
    assert any(record.data["unwound"] for record in store.log.read(types=("task.failed",)) if not record.forgotten)
    store.close()


async def test_its_tasks_replay_to_the_same_events(history: Path) -> None:
    platform = open_platform(history)
    tasks = [record.data["task"] for record in platform.log.read(types=("task.opened",))]
    for task in tasks[:: max(1, len(tasks) // 6)]:
        report = await replay(platform, task)
        assert report.same, report.first_difference
    platform.store.close()


def test_the_same_seed_tells_the_same_story_and_another_one_does_not(tmp_path: Path) -> None:
    monday = date(2026, 11, 23)
    stories = [simulated(tmp_path / str(n), seed=seed, first=monday, days=2) for n, seed in enumerate((3, 3, 4))]
    assert stories[0].story == stories[1].story
    assert len(stories[0].story) > 3
    assert stories[0].digest != stories[2].digest


def test_a_folder_that_holds_something_is_refused_and_left_alone(agentos: Agentos, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    said = agentos("simulate", "--days", "1", str(tmp_path / "mine"))
    assert said.code == 1
    assert "is not empty" in said.err
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["notes.txt"]
    (tmp_path / "new.partial").mkdir()
    said = agentos("simulate", "--days", "1", str(tmp_path / "new"))
    assert "no simulation has made it" in said.err
    assert agentos("simulate", "--days", "1", "--until", "2999-01-01", str(tmp_path / "x")).code == 2


def test_a_killed_one_leaves_no_half_workspace_and_the_next_one_says_so(agentos: Agentos, tmp_path: Path) -> None:
    command = [str(Path(sys.executable).parent / "agentos"), "simulate", "--days", "60", str(tmp_path / "v")]
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    log = tmp_path / "v.partial" / "state" / "events.db"
    for _ in range(600):
        if log.exists():
            break
        time.sleep(0.1)
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert log.exists()
    assert not (tmp_path / "v").exists()
    said = agentos("simulate", "--days", "1", "--json", str(tmp_path / "v"))
    assert said.code == 0, said.err
    assert "was interrupted" in said.err
    assert said.json["events"] > 0
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(("v.", ".v"))] == []
    assert (tmp_path / "v" / "agentos.toml").exists()
