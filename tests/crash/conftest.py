"""Workspaces at three stages of the story, made once a worker and copied for every test; what kills and restarts."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest

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


@pytest.fixture(scope="session")
def nursery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    opened = Nursery(tmp_path_factory.mktemp("nursery"))
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def stages(nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> Stages:
    folder = tmp_path_factory.mktemp("stages")
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


@pytest.fixture
def crash(stages: Stages, tmp_path: Path) -> Crash:
    return Crash(stages, tmp_path)


@dataclass
class Clean:
    """The same stories without a crash: their tallies and the points they pass."""

    stages: Stages
    folder: Path

    def __post_init__(self) -> None:
        self.tallies: dict[str, dict[str, Any]] = {}
        self.points: dict[str, list[str]] = {}

    def __call__(self, stage: Stage, act: str, **job: Any) -> dict[str, Any]:
        name = "-".join([stage, act, *map(str, job.values())])
        if name not in self.tallies:
            root, trace = self.stages.copy(stage, self.folder / name), self.folder / f"{name}.trace"
            code, result = self.stages.nursery.run(root=str(root), acts=[act], trace=str(trace), **job)
            assert code == 0, result["error"]
            self.tallies[name], self.points[name] = tally(root), trace.read_text().splitlines()
        return self.tallies[name]


@pytest.fixture(scope="session")
def clean(stages: Stages, tmp_path_factory: pytest.TempPathFactory) -> Clean:
    return Clean(stages, tmp_path_factory.mktemp("clean"))
