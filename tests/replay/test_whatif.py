"""History under another policy or at other prices: in a log of its own, and the same where nothing is changed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from agentos.events.verify import verify
from agentos.platform import Platform, open_store
from agentos.policy import Policy
from agentos.workspace.model import ModelSettings
from graphs.opening import open_platform
from graphs.whatif import Change, DayComparison, Measures, what_if_day
from graphs.whatif.change import priced
from tests.fakes.simulated import DAYS, FIRST
from tests.fakes.terminal import Agentos

pytestmark = pytest.mark.xdist_group("history")


@pytest.fixture
def platform(history: Path, tmp_path: Path) -> Iterator[Platform]:
    opened = open_platform(Path(shutil.copytree(history, tmp_path / "copy")))
    yield opened
    opened.store.close()


async def days(platform: Platform, change: Change, folder: Path, many: int = 4) -> list[DayComparison]:
    found = [await what_if_day(platform, FIRST + timedelta(n), change, folder / str(n)) for n in range(many)]
    assert any(day.tasks for day in found)
    return found


def totals(found: list[DayComparison]) -> tuple[Measures, Measures]:
    then, now = Measures(), Measures()
    for day in found:
        then, now = then.plus(day.then), now.plus(day.now)
    return then, now


def ruled(platform: Platform, autonomy: str, **more: object) -> Policy:
    """The workspace's own policy with one answer to everything."""
    text = platform.policy.model_dump(mode="json")
    rule = {"autonomy": autonomy, "known_clients_only": False}
    return Policy.model_validate(text | {"actions": dict.fromkeys(text["actions"], rule)} | more)


async def test_under_the_policy_of_then_everything_is_as_it_was(platform: Platform, tmp_path: Path) -> None:
    head = platform.log.head()
    found = await days(platform, Change(), tmp_path, DAYS)
    assert [task for day in found for task in day.tasks if not task.same] == []
    then, now = totals(found)
    assert then == now
    assert sum(then.tasks.values()) > 8
    assert sum(day.assumed + day.unknown for day in found) == 0
    assert platform.log.head() == head, "the real log is only read"


async def test_what_was_asked_is_allowed_under_a_loose_policy(platform: Platform, tmp_path: Path) -> None:
    loose = ruled(platform, "allow", min_confidence=0)
    then, now = totals(await days(platform, Change(loose), tmp_path))
    assert now.interruptions < then.interruptions
    assert now.fates["allowed"] > then.fates["allowed"]
    assert now.cost == then.cost


async def test_a_strict_policy_asks_more_and_what_nobody_said_is_assumed(platform: Platform, tmp_path: Path) -> None:
    found = await days(platform, Change(ruled(platform, "ask")), tmp_path)
    then, now = totals(found)
    assert now.interruptions > then.interruptions
    assert now.fates["allowed"] == 0
    assert sum(day.assumed for day in found) > 0


async def test_what_is_refused_is_not_done_and_earns_nothing(platform: Platform, tmp_path: Path) -> None:
    found = await days(platform, Change(ruled(platform, "refuse")), tmp_path)
    then, now = totals(found)
    assert (now.done, now.revenue) == (0, {})
    assert now.fates["refused"] >= then.fates["allowed"]
    changed = [pair for day in found for task in day.tasks for pair in task.changed.values()]
    assert ["allowed", "refused"] in changed
    assert DayComparison.from_dict(found[0].to_dict()) == found[0]


async def test_another_model_costs_what_its_price_says_of_the_recorded_tokens(
    platform: Platform, tmp_path: Path
) -> None:
    at = platform.clock.now()
    prices = dict(priced(f"{tier}=1/1", ModelSettings(), at) for tier in ("small", "large"))
    then, now = totals(await days(platform, Change(prices=prices), tmp_path, DAYS))
    settled = platform.log.read(types=("model.settled",))
    tokens = sum(record.data["tokens"] for record in settled)  # of a call that was lost, what was reserved
    assert now.cost["USD"] == Decimal(tokens) / 1_000_000 != then.cost["USD"]
    assert now.fates == then.fates


async def test_a_model_beyond_the_budget_asks(platform: Platform, tmp_path: Path) -> None:
    dear = dict([priced("large=40/80", ModelSettings(), platform.clock.now())])
    then, now = totals(await days(platform, Change(prices=dear), tmp_path))
    assert now.cost["USD"] > then.cost["USD"] * 4
    assert now.interruptions > then.interruptions


async def test_its_log_is_a_log_of_its_own(platform: Platform, tmp_path: Path) -> None:
    """It verifies, and holds that day's tasks and nothing else."""
    (day,) = [one for one in await days(platform, Change(ruled(platform, "ask")), tmp_path, 3) if one.tasks][:1]
    store = open_store(tmp_path / str((day.day - FIRST).days))
    assert verify(store.log).ok
    opened = [record.data["task"] for record in store.log.read(types=("task.opened",))]
    assert opened == [one.task for one in day.tasks]
    store.close()


def test_the_command_tells_both_sides(platform: Platform, agentos: Agentos, tmp_path: Path) -> None:
    root = platform.workspace.root
    rules = tmp_path / "loose.toml"
    rules.write_text((root / "policy.toml").read_text().replace('autonomy = "ask"', 'autonomy = "allow"'))
    last = str(FIRST + timedelta(4))
    said = agentos("--workspace", str(root), "backfill", "--to", last, "--policy", str(rules), "--model", "large=5/20")
    assert said.code == 0, said.err
    assert "interruptions" in said.out
    assert "Assumed" in said.out
    told = agentos("--workspace", str(root), "backfill", "--to", last, "--policy", str(rules), "--json").json
    assert told["now"]["interruptions"] <= told["then"]["interruptions"]
    assert told["assumptions"]
    assert Path(told["report"]).parent.name.startswith("what-if_")
