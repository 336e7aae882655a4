"""Two real processes on the same tasks: one goes on, the other stops cleanly, nothing is done twice."""

from __future__ import annotations

import os
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import psutil

from tests.crash.nursery import Child
from tests.crash.stages import Clean, Stages
from tests.crash.tally import git, tally

TEN = [f"Invoice Acme Studio {20 * 3**n // 2**n} EUR net for talk {n}" for n in range(10)]


class Workers:
    def __init__(self, stages: Stages, folder: Path) -> None:
        self.stages, self.folder = stages, folder
        self.root = folder / "w"
        self.ready = folder / "ready"

    def start(self, *acts: str, **job: Any) -> Child:
        named = {"root": str(self.root), "trace": str(self.folder / "t"), "ready": str(self.ready)}
        return self.stages.nursery.start(acts=acts, **named, **job)

    def run(self, *acts: str, **job: Any) -> dict[str, Any]:
        child = self.start(*acts, **job)
        assert child.wait() == 0, child.result.get("error")
        return child.result

    def start_and_wait_until_it_acts(self, **job: Any) -> Child:
        """A worker in the middle of an effect."""
        self.run("approve")
        child = self.start("slowly", "once", **job)
        wait_for(self.ready, child)
        return child


def wait_for(file: Path, child: Child) -> None:
    until = time.monotonic() + 20
    while not file.exists():
        assert time.monotonic() < until, child.result
        time.sleep(0.02)


def test_two_workers_on_one_task_do_every_effect_once(stages: Stages, clean: Clean, tmp_path: Path) -> None:
    workers = Workers(stages, tmp_path)
    stages.copy("asked", workers.root)
    workers.run("approve")
    both = [workers.start("once"), workers.start("once")]
    assert [child.wait() for child in both] == [0, 0], [child.result.get("error") for child in both]
    statuses = {status for child in both for status in child.result["statuses"].values()}
    assert "completed" in statuses
    assert tally(workers.root) == clean("asked", "finish")


def test_two_workers_on_ten_tasks_do_every_effect_once(stages: Stages, tmp_path: Path) -> None:
    workers = Workers(stages, tmp_path)
    stages.copy("made", workers.root)
    workers.run("submit", says=TEN)
    both = [workers.start("once", "approve", "once", "approve", "once") for _ in range(2)]
    assert [child.wait() for child in both] == [0, 0], [child.result.get("error") for child in both]
    assert set(workers.run("finish", says=TEN)["statuses"].values()) == {"completed"}
    found = tally(workers.root)
    assert found["numbers"] == {"invoice": list(range(1, 11))}
    assert len(found["documents"]) == 30
    assert (len(found["bookings"]), len(found["mails"])) == (10, 10)
    assert {n for name, n in found["log"].items() if name.startswith("effect.")} == {10}
    assert found["log"]["task.completed"] == 10


def test_a_stopped_worker_keeps_its_task_and_a_killed_one_frees_it(
    stages: Stages, clean: Clean, tmp_path: Path
) -> None:
    workers = Workers(stages, tmp_path)
    stages.copy("asked", workers.root)
    worker = workers.start_and_wait_until_it_acts()
    os.kill(worker.pid, signal.SIGSTOP)
    assert workers.run("once")["busy"] == 1
    os.kill(worker.pid, signal.SIGKILL)
    assert worker.wait() == -signal.SIGKILL
    assert workers.run("once")["busy"] == 0
    assert tally(workers.root) == clean("asked", "finish")


def test_a_worker_that_is_paused_and_woken_does_its_effect_once(stages: Stages, clean: Clean, tmp_path: Path) -> None:
    """Woken after another one has tried: that one had to leave it alone, or the effect would happen twice."""
    workers = Workers(stages, tmp_path)
    stages.copy("asked", workers.root)
    worker = workers.start_and_wait_until_it_acts(takes=0.3)
    os.kill(worker.pid, signal.SIGSTOP)
    assert [workers.run("once")["busy"] for _ in range(2)] == [1, 1]
    os.kill(worker.pid, signal.SIGCONT)
    assert worker.wait() == 0, worker.result.get("error")
    assert workers.run("once")["busy"] == 0
    assert tally(workers.root) == clean("asked", "finish")


def test_a_git_that_goes_on_after_its_worker_was_killed_publishes_once(
    stages: Stages, clean: Clean, tmp_path: Path
) -> None:
    """The branch moves while nobody waits for it: the next worker waits for that git, and finds what it has done."""
    workers = Workers(stages, tmp_path)
    stages.copy("asked", workers.root)
    slow_git(tmp_path / "bin", workers.ready)
    worker = workers.start("finish", path=str(tmp_path / "bin"))
    wait_for(workers.ready, worker)
    assert commits(workers.root) == 1, "it has not published yet"
    os.kill(worker.pid, signal.SIGKILL)
    assert worker.wait() == -signal.SIGKILL
    assert workers.run("once")["busy"] == 1
    workers.run("finish")
    assert tally(workers.root) == clean("asked", "finish")


def slow_git(folder: Path, ready: Path) -> None:
    """A git that takes a while over moving the branch."""
    folder.mkdir()
    script = folder / "git"
    real = shutil.which("git")
    script.write_text(f'#!/bin/sh\ncase "$*" in *update-ref*) touch \'{ready}\'; sleep 0.7;; esac\nexec {real} "$@"\n')
    script.chmod(0o755)


def commits(root: Path) -> int:
    return int(git(root, "rev-list", "--count", "HEAD"))


def test_a_child_that_outlives_its_killed_worker_keeps_the_task(stages: Stages, clean: Clean, tmp_path: Path) -> None:
    workers = Workers(stages, tmp_path)
    stages.copy("asked", workers.root)
    worker = workers.start_and_wait_until_it_acts(child=True)
    children = psutil.Process(worker.pid).children(recursive=True)
    os.kill(worker.pid, signal.SIGKILL)
    assert worker.wait() == -signal.SIGKILL
    assert workers.run("once")["busy"] == 1
    for child in children:
        child.kill()
    psutil.wait_procs(children, timeout=5)
    workers.run("finish")
    assert tally(workers.root) == clean("asked", "finish")
