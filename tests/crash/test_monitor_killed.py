"""The monitor is killed with SIGKILL anywhere in a look: a finding becomes one task with one card, never two and never
none, and goes once when it is over."""

from __future__ import annotations

import shutil
import signal
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from agentos.invariants.check import check
from agentos.platform import open_store
from agentos.tasks.answers import Desk
from tests.crash.script import SAYS
from tests.crash.stages import Stages

pytestmark = pytest.mark.xdist_group("monitor")
TELLING = (
    "before replace in look#1",
    "insert finding.opened#1",
    "committed finding.opened#1",
    "after look#1",
    "commit approval.requested:tell#1",
)
TAKING_AWAY = ("insert finding.closed#1", "committed task.cancelled#1")


class Watched:
    """A business in which one task after the other fails, as soon as one does."""

    def __init__(self, stages: Stages, folder: Path) -> None:
        self.stages, self.folder = stages, folder
        self.untold, self.told = folder / "untold", folder / "told"
        stages.copy("asked", self.untold)
        (self.untold / "monitor.toml").write_text("failed_in_a_row = 1\n")
        self.run(self.untold, "finish", refuse="mail")
        shutil.copytree(self.untold, self.told, symlinks=True)
        self.telling = self.points(self.told)
        self.over = folder / "over"
        shutil.copytree(self.told, self.over, symlinks=True)
        self.run(self.over, "finish", says=[SAYS, "Invoice Acme Studio 300 EUR net for the talk"])
        shutil.copytree(self.over, folder / "gone", symlinks=True)
        self.taking_away = self.points(folder / "gone")

    def points(self, root: Path) -> list[str]:
        """All that one look passes."""
        trace = self.folder / f"{root.name}.trace"
        self.run(root, "watch", trace=str(trace))
        return trace.read_text().splitlines()

    def run(self, root: Path, act: str, **job: Any) -> int:
        trace = str(self.folder / "trace")
        code, result = self.stages.nursery.run(**{"root": str(root), "acts": [act], "trace": trace} | job)
        assert code == (-signal.SIGKILL if job.get("kill") else 0), result.get("error", "it never came to that point")
        return code

    def killed(self, stage: Path, point: str) -> dict[str, Any]:
        """What stands after a look that was killed there, and one that was not."""
        root = self.folder / "moved"
        shutil.rmtree(root, ignore_errors=True)
        shutil.copytree(stage, root, symlinks=True)
        self.run(root, "watch", kill=point)
        self.run(root, "watch")
        return found(root)


@pytest.fixture(scope="module")
def watched(stages: Stages, tmp_path_factory: pytest.TempPathFactory) -> Watched:
    return Watched(stages, tmp_path_factory.mktemp("watched"))


def found(root: Path) -> dict[str, Any]:
    """How often each kind of event of the monitor's stands, and how its tasks and their cards do."""
    store = open_store(root)
    try:
        assert check(store).ok, check(store).violations
        desk = Desk(store)
        opened = [r.data["task"] for r in store.log.read(types=("task.opened",)) if r.data["trigger"] == "monitor"]
        tasks = [desk.load(task) for task in opened]
        events = Counter(r.type for r in store.log.read(types=("finding.opened", "finding.closed")))
        for task in opened:
            events.update(r.type for r in store.log.read(stream=f"task/{task}") if r.type != "task.resumed")
        return {
            "events": dict(events),
            "tasks": [task.status for task in tasks],
            "cards": [card.status for task in tasks for card in task.cards.values()],
        }
    finally:
        store.close()


def test_a_clean_look_tells_it_once_and_the_next_one_takes_it_away(watched: Watched) -> None:
    told, gone = found(watched.told), found(watched.folder / "gone")
    assert (told["events"]["finding.opened"], told["tasks"], told["cards"]) == (1, ["parked"], ["open"])
    assert (gone["events"]["finding.closed"], gone["tasks"], gone["cards"]) == (1, ["cancelled"], ["withdrawn"])


@pytest.mark.parametrize("point", TELLING)
def test_killed_while_it_tells(watched: Watched, point: str) -> None:
    assert watched.killed(watched.untold, point) == found(watched.told)


@pytest.mark.parametrize("point", TAKING_AWAY)
def test_killed_while_it_takes_away_what_is_over(watched: Watched, point: str) -> None:
    assert watched.killed(watched.over, point) == found(watched.folder / "gone")


@pytest.mark.slow
@pytest.mark.parametrize("part", range(4))
def test_killed_at_every_point_of_a_look(watched: Watched, part: int) -> None:
    """One of four shares, each a test of its own, so that one may be run alone."""
    for stage, points, end in (
        (watched.untold, watched.telling, watched.told),
        (watched.over, watched.taking_away, watched.folder / "gone"),
    ):
        wanted = found(end)
        assert len(points) > 40
        wrong = {point: now for point in points[part::4] if (now := watched.killed(stage, point)) != wanted}
        assert wrong == {}
