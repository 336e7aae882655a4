"""Workspaces at three stages of the story, made once and copied for every kill; what kills, restarts and compares."""

from __future__ import annotations

import shutil
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tests.crash.nursery import Nursery
from tests.crash.tally import tally

Stage = Literal["made", "asked", "done"]


@dataclass
class Stages:
    """made: an empty workspace. asked: the card waits. done: everything happened."""

    nursery: Nursery
    folder: Path

    def copy(self, stage: Stage, target: Path) -> Path:
        shutil.copytree(self.folder / stage, target, symlinks=True)
        return target


def make_stages(nursery: Nursery, folder: Path) -> Stages:
    for stage, before, act in (("made", None, "make"), ("asked", "made", "ask"), ("done", "asked", "finish")):
        if before:
            shutil.copytree(folder / before, folder / stage, symlinks=True)
        code, result = nursery.run(root=str(folder / stage), acts=[act], trace=str(folder / f"{stage}.trace"))
        assert code == 0, result
    return Stages(nursery, folder)


@dataclass
class Crash:
    """One workspace in which the program is killed and started again."""

    stages: Stages
    folder: Path

    def __call__(self, stage: Stage, act: str, kill: str, **job: Any) -> dict[str, Any]:
        """Kill at the point, start again, let it finish; returns the tally."""
        root = self.stages.copy(stage, self.folder / "w")
        code, result = self.run(act, kill=kill, **job)
        assert code == -signal.SIGKILL, f"it never came to {kill}: {result.get('error', self.trace()[-3:])}"
        code, result = self.run(act, **job)
        assert code == 0, result["error"]
        return tally(root)

    def run(self, act: str, **job: Any) -> tuple[int, dict[str, Any]]:
        return self.stages.nursery.run(root=str(self.folder / "w"), acts=[act], trace=str(self.folder / "t"), **job)

    def trace(self) -> list[str]:
        return (self.folder / "t").read_text().splitlines()


def story_name(stage: Stage, act: str, job: dict[str, Any]) -> str:
    return "-".join([stage, act, *map(str, job.values())])


@dataclass
class Clean:
    """The same stories without a crash: their tallies and the points they pass."""

    stages: Stages
    folder: Path

    def __post_init__(self) -> None:
        self.tallies: dict[str, dict[str, Any]] = {}
        self.points: dict[str, list[str]] = {}

    def __call__(self, stage: Stage, act: str, **job: Any) -> dict[str, Any]:
        name = story_name(stage, act, job)
        if name not in self.tallies:
            root, trace = self.stages.copy(stage, self.folder / name), self.folder / f"{name}.trace"
            code, result = self.stages.nursery.run(root=str(root), acts=[act], trace=str(trace), **job)
            assert code == 0, result["error"]
            self.tallies[name], self.points[name] = tally(root), trace.read_text().splitlines()
        return self.tallies[name]


STORIES: dict[str, tuple[Stage, str, dict[str, Any]]] = {
    "asking": ("made", "ask", {}),
    "doing": ("asked", "finish", {}),
    "undoing": ("done", "undo", {}),
    "unwinding": ("asked", "finish", {"refuse": "mail"}),
}
"""What is told and killed at every point on its way: from which stage, by which act, in what world."""
