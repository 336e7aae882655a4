"""The clock of the machine is set back and forward by hours while tasks are in flight (libfaketime): what depends on it
follows it, nothing is lost or done twice, and the log stays in one order."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from agentos.events.verify import verify
from agentos.platform import open_store
from agentos.tasks.answers import Desk
from agentos.tasks.state import TaskState
from tests.crash.nursery import Nursery
from tests.crash.stages import Clean, Stages
from tests.crash.tally import tally

pytestmark = pytest.mark.xdist_group("clock")
LIBRARIES = ("/usr/lib/*/faketime/libfaketime.so.1", "/usr/lib/faketime/libfaketime.so.1")


@dataclass
class Clock:
    """What the children of its nursery take for the time: `set(hours)` from the real one."""

    nursery: Nursery
    file: Path

    def set(self, hours: float) -> None:
        self.file.write_text(f"{hours * 3600:+.0f}\n")


@pytest.fixture(scope="session")
def clock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clock]:
    found = [str(path) for pattern in LIBRARIES for path in sorted(Path("/").glob(pattern[1:]))]
    if not found:
        pytest.skip("libfaketime is not installed (Debian's package faketime)")
    folder = tmp_path_factory.mktemp("clock")
    file = folder / "now"
    file.write_text("+0\n")
    environ = {
        "LD_PRELOAD": found[0],
        "FAKETIME_TIMESTAMP_FILE": str(file),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "NO_FAKE_STAT": "1",
    }
    with closing(Nursery(folder, environ)) as nursery:
        yield Clock(nursery, file)


@dataclass
class Timed:
    """A workspace on that clock."""

    clock: Clock
    root: Path
    trace: Path

    def run(self, *acts: str, at: float, **job: Any) -> int:
        self.clock.set(at)
        code, result = self.clock.nursery.run(root=str(self.root), trace=str(self.trace), acts=acts, **job)
        assert code in (0, -signal.SIGKILL), result["error"]
        return code

    @property
    def task(self) -> TaskState:
        store = open_store(self.root)
        try:
            desk = Desk(store)
            return desk.load(next(store.log.read(types=("task.opened",))).data["task"])
        finally:
            store.close()


@pytest.fixture
def timed(clock: Clock, stages: Stages, tmp_path: Path) -> Timed:
    return Timed(clock, stages.copy("asked", tmp_path / "w"), tmp_path / "t")


def timeless(found: dict[str, Any]) -> dict[str, Any]:
    """A tally without the days in the names of mails."""
    return found | {"mails": [name.rpartition("/")[2][len("2026-01-01") :] for name in found["mails"]]}


KILLS = (
    "committed effect.started:site.publish#1",
    "after do invoice.issue#1",
    "committed effect.started:ledger.book#1",
    "after do mail.send#1",
)


def test_the_clock_jumps_between_crashes_and_every_effect_happens_once(timed: Timed, clean: Clean) -> None:
    for hours, point in zip((3, -5, 2, -9), KILLS, strict=True):
        assert timed.run("finish", at=hours, kill=point) == -signal.SIGKILL, f"it never came to {point}"
    timed.run("finish", at=-1)
    assert timeless(tally(timed.root)) == timeless(clean("asked", "finish"))
    assert_in_one_order(timed.root)


def test_a_held_mail_follows_the_clock_and_is_sent_once(timed: Timed, clean: Clean) -> None:
    settings = timed.root / "agentos.toml"
    settings.write_text(settings.read_text().replace("hold_minutes = 0", "hold_minutes = 60"))
    timed.run("finish", at=0)
    assert timed.task.status == "parked", "the mail is held"
    timed.run("once", at=-4)
    assert timed.task.status == "parked", "set back, it is held for longer, and not lost"
    assert tally(timed.root)["mails"] == []
    timed.run("once", "once", at=2)
    timed.run("once", at=-7)
    assert timed.task.status == "completed"
    assert timeless(tally(timed.root))["mails"] == timeless(clean("asked", "finish"))["mails"]
    assert_in_one_order(timed.root)


@pytest.mark.slow
def test_a_card_expires_by_the_clock_and_stays_expired_when_it_is_set_back(timed: Timed) -> None:
    timed.run("once", at=-50)
    assert [card.status for card in timed.task.open_cards()] == ["open"], "set back, it waits for longer"
    timed.run("once", at=100)
    timed.run("once", at=0)
    task = timed.task
    assert (task.status, [card.status for card in task.cards.values()][:1]) == ("failed", ["expired"])
    assert tally(timed.root)["posts"] == []
    assert_in_one_order(timed.root)


@pytest.mark.slow
def test_what_backs_off_is_tried_again_after_the_clock_was_set_back(timed: Timed, clean: Clean) -> None:
    timed.run("approve", "once", at=5, busy="ledger")
    assert timed.task.status == "parked", "the ledger was busy"
    timed.run("once", at=-3)
    timed.run("once", at=6)
    assert timed.task.status == "completed"
    assert timeless(tally(timed.root)) == timeless(clean("asked", "finish"))
    assert_in_one_order(timed.root)


def assert_in_one_order(root: Path) -> None:
    store = open_store(root)
    try:
        records = list(store.log.read())
        assert [record.seq for record in records] == list(range(1, len(records) + 1))
        assert len({record.id for record in records}) == len(records)
        assert verify(store.log, store.blobs).ok
    finally:
        store.close()


def test_the_clock_really_jumps(clock: Clock, timed: Timed) -> None:
    timed.run("once", at=-50)
    timed.run("approve", at=50)
    store = open_store(timed.root)
    times = [record.at for record in store.log.read(types=("approval.requested", "approval.granted"))]
    store.close()
    assert (times[-1] - times[0]).total_seconds() > 40 * 3600
