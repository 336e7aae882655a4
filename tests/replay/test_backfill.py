"""Days of a simulated history replayed: the same, or different and where; interrupted, it goes on."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from agentos.errors import AgentOSError, Permanent
from agentos.platform import open_store
from graphs.backfill import DayReport, replay_day, tasks_opened_on
from graphs.course import course
from graphs.opening import open_platform
from tests.fakes.simulated import DAYS, FIRST
from tests.fakes.terminal import Agentos

pytestmark = pytest.mark.xdist_group("history")
MONDAY = FIRST  # a working day


@pytest.fixture
def copy(history: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(history, tmp_path / "copy"))


class Grumpy:
    """An agent as it is after an upgrade that went wrong."""

    def __init__(self, real: Any) -> None:
        self.manifest, self.Request = real.manifest, real.Request

    async def run(self, request: Any, kit: Any) -> Any:
        raise Permanent("I don't do that any more.")


async def test_every_task_belongs_to_exactly_one_day(history: Path) -> None:
    platform = open_platform(history)
    days = [tasks_opened_on(platform, FIRST + timedelta(nth)) for nth in range(-1, DAYS + 1)]
    found = [task for day in days for task in day]
    assert sorted(found) == sorted(record.data["task"] for record in platform.log.read(types=("task.opened",)))
    platform.store.close()


async def test_a_difference_is_told_with_its_event_and_nothing_of_a_client(copy: Path) -> None:
    platform = open_platform(copy)
    days = [FIRST + timedelta(nth) for nth in range(DAYS)]
    day = next(day for day in days if any(_invoiced(platform, task) for task in tasks_opened_on(platform, day)))
    broken = replace(platform, agents={**platform.agents, "finance": Grumpy(platform.agents["finance"])})
    report = await replay_day(broken, day)
    assert not report.same
    assert {one.step for one in report.different} == {"invoice"}
    assert all(one.type == "step.completed" and one.event for one in report.different)
    assert DayReport.from_dict(report.to_dict()) == report
    assert not any(client in str(report.to_dict()) for client in platform.workspace.clients)
    platform.store.close()


def _invoiced(platform: Any, task: str) -> bool:
    done = platform.log.read(stream=f"task/{task}", types=("step.completed",))
    return any(record.data["step"] == "invoice" for record in done)


def test_the_whole_history_is_the_same_and_a_killed_backfill_goes_on(copy: Path, agentos: Agentos) -> None:
    head = _head(copy)
    command = [str(Path(sys.executable).parent / "agentos"), "--workspace", str(copy), "backfill"]
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    replays = copy / "state" / "replays"
    for _ in range(6000):
        if list(replays.glob("replay_*/????-*.json")) or child.poll() is not None:
            break
        time.sleep(0.01)
    child.send_signal(signal.SIGKILL)
    child.wait()
    done = len(list(replays.glob("replay_*/????-*.json")))
    assert done
    assert list(replays.glob("replay_*/report.json")) == []
    said = agentos("--workspace", str(copy), "backfill")
    assert said.code == 0, said.err
    assert "done before it was interrupted" in said.out
    assert "The same to the byte" in said.out
    told = agentos("--workspace", str(copy), "backfill", "--to", str(FIRST + timedelta(2)), "--json").json
    assert (told["same"], told["different"]) == (True, [])
    assert Path(told["report"]).exists()
    assert _head(copy) == head, "a replay writes nothing into the log"


def test_one_that_ended_begins_anew_and_one_that_runs_is_not_joined(tmp_path: Path) -> None:
    with course(tmp_path, "one", {"from": "a"}) as first:
        first.keep(MONDAY, {"n": 1})
        with pytest.raises(AgentOSError, match="runs already"), course(tmp_path, "one", {"from": "a"}):
            pass
    with course(tmp_path, "one", {"from": "a"}) as second:
        assert second.done == {MONDAY: {"n": 1}}
        second.end({"whole": True})
    with course(tmp_path, "one", {"from": "a"}) as third:
        assert third.done == {}
        third.keep(MONDAY, {"n": 1})
    with course(tmp_path, "one", {"from": "b"}) as other:
        assert other.done == {}


def test_days_that_can_t_be_are_said(copy: Path, agentos: Agentos) -> None:
    assert agentos("--workspace", str(copy), "backfill", "--from", "tomorrow").code == 2
    assert agentos("--workspace", str(copy), "backfill", "--from", "2026-11-20", "--to", "2026-11-19").code == 2
    assert "names no tier" in agentos("--workspace", str(copy), "backfill", "--model", "huge=1/2").err


def _head(root: Path) -> tuple[int, bytes]:
    store = open_store(root)
    head = store.log.head()
    store.close()
    return head
