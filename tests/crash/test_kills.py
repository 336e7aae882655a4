"""The short form of `make crash`: a few kills at random instants, and the worst ones around real servers."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crash.counting import Count, count
from tests.crash.kills import Tally, at_random
from tests.crash.nursery import Nursery
from tests.crash.operating import record_of
from tests.crash.ruin import Pace, Places, Ruin, places
from tests.crash.wishes import named


@pytest.fixture(scope="session")
def calm(nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Places]:
    """Worlds without whims: every point is passed by every run."""
    with places(tmp_path_factory.mktemp("calm"), nursery, "") as opened:
        yield opened


@pytest.fixture(scope="session")
def shared(nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Places]:
    with places(tmp_path_factory.mktemp("places"), nursery, "short") as opened:
        yield opened


@pytest.mark.parametrize(
    ("wish", "point"),
    [
        ("invoice", "after do mail.send#1"),
        ("order", "after do silent.order#1"),
        ("order", "after do lagging.order#1"),
        ("order", "committed effect.started:lagging.order#1"),
    ],
)
def test_killed_around_a_real_server_each_thing_happens_once(
    calm: Places, tmp_path: Path, wish: str, point: str
) -> None:
    ruin = Ruin(calm, tmp_path / "ruin", (wish,))
    assert ruin.run(point), f"it never came to {point}"
    ruin.run()
    found = ruin.counted()
    assert found.ok, found
    if point.startswith("committed effect.started:lagging"):
        assert found.doubts > 0, "that nothing is found there proves nothing, so a card must have asked"


def test_killed_at_random_instants_two_workers_lose_and_double_nothing(shared: Places, tmp_path: Path) -> None:
    ruin = Ruin(shared, tmp_path / "ruin", rng=random.Random("short"), pace=Pace(6.0, 1000))
    found = ruin(8)
    assert found.ok, f"{found}, kept in {ruin.folder}"
    assert ruin.kills > 0


def test_what_is_lost_or_doubled_is_counted(calm: Places, tmp_path: Path) -> None:
    """The count itself is looked at: an order made twice, a mail that never came, a task that was confirmed and is
    not there."""
    ruin = Ruin(calm, tmp_path / "ruin", ("order", "invoice"))
    ruin.run()
    record = [line for line in record_of(calm.world["shop"]) if line["what"] != "mail"]
    orders = [line for line in record if line.get("branch") == "silent"]
    found = count(ruin.root, named(ruin.wishes), [*record, *orders], ["no-such-task"])
    assert found == Count(
        lost=["task no-such-task, which was confirmed", "outside invoice: mail"],
        doubled=["outside order: silent order"],
        doubts=found.doubts,
    )


@pytest.mark.slow
def test_killed_at_random_instants_at_length(shared: Places) -> None:
    tally = Tally(100)
    at_random(shared, tally, "long", 100)
    assert tally.ok, tally
