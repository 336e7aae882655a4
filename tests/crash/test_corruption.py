"""Whatever is done to a log's bytes, records or blobs: it is found, or it changes nothing that is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.crash.corruption import Pristine, make, run


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Pristine:
    return make(tmp_path_factory.mktemp("corruption") / "w")


@pytest.mark.parametrize("seed", [1, 2])
def test_no_damage_is_missed(pristine: Pristine, tmp_path: Path, seed: int) -> None:
    tally = run(pristine, tmp_path, 120, seed)
    assert tally.missed == []
    assert tally.fates["found"] > tally.fates["harmless"]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3, 11))
def test_no_damage_is_missed_in_many_tries(pristine: Pristine, tmp_path: Path, seed: int) -> None:
    assert run(pristine, tmp_path, 1000, seed).missed == []
