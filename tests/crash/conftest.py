"""The stages, made once a worker and copied for every test; what kills and restarts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crash.nursery import Nursery
from tests.crash.stages import Clean, Crash, Stages, make_stages


@pytest.fixture(scope="session")
def nursery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    opened = Nursery(tmp_path_factory.mktemp("nursery"))
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def stages(nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> Stages:
    return make_stages(nursery, tmp_path_factory.mktemp("stages"))


@pytest.fixture
def crash(stages: Stages, tmp_path: Path) -> Crash:
    return Crash(stages, tmp_path)


@pytest.fixture(scope="session")
def clean(stages: Stages, tmp_path_factory: pytest.TempPathFactory) -> Clean:
    return Clean(stages, tmp_path_factory.mktemp("clean"))
