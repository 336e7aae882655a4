"""History replayed as assets: as it was, otherwise, under another policy, and going on after a kill."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.execution.backfill import BulkActionStatus, PartitionBackfill
from dagster._core.utils import make_new_run_id

from agentos.clock import FixedClock
from agentos.tasks.answers import Desk
from agentos.workspace.answers import demo
from agentos.workspace.init import init_workspace
from agentos_assets.backfills.days import day_by_day
from agentos_assets.backfills.opening import name_of
from agentos_assets.definitions import defs
from agentos_assets.first_day import VARIABLE
from graphs.advance import advance
from graphs.opening import open_platform

DAY = "2026-11-02"
TEXT = "Invoice Acme Studio 1,200 EUR for the March workshop"
REFUSING = """
[actions."invoice.issue"]
autonomy = "refuse"
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An invoice was asked for, approved and sent on DAY."""
    root = tmp_path_factory.mktemp("days") / "ws"
    init_workspace(root, demo())
    clock = FixedClock(datetime(2026, 11, 2, 10, 0, tzinfo=UTC))
    platform = open_platform(root, clock=clock, environ={})
    desk = Desk(platform.store, clock=clock)
    task = desk.submit(TEXT)
    asyncio.run(advance(platform, task))
    desk.approve(desk.load(task).open_cards()[0].id)
    assert asyncio.run(advance(platform, task)).state.status == "completed"
    platform.store.close()
    return root


@pytest.fixture
def instance(root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    monkeypatch.setenv("AGENTOS_WORKSPACE", str(root))
    monkeypatch.setenv(VARIABLE, DAY)
    with dg.DagsterInstance.ephemeral() as ephemeral:
        yield ephemeral


def make(instance: dg.DagsterInstance, name: str, config: dict[str, Any] | None = None) -> dg.ExecuteInProcessResult:
    whole = defs().resolve_implicit_global_asset_job_def()
    reach = {"dagster/asset_partition_range_start": DAY, "dagster/asset_partition_range_end": "2026-11-03"}
    return whole.execute_in_process(
        instance=instance,
        asset_selection=[dg.AssetKey(name)],
        tags=reach,
        run_config={"ops": {name: {"config": config}}} if config else None,
        raise_on_error=False,
    )


def told(instance: dg.DagsterInstance, name: str, day: str = DAY) -> dict[str, str]:
    wanted = dg.AssetRecordsFilter(dg.AssetKey(name), asset_partitions=[day])
    (record,) = instance.fetch_materializations(wanted, limit=1).records
    assert record.asset_materialization is not None
    return {name: str(value.value) for name, value in record.asset_materialization.metadata.items()}


def head(root: Path) -> tuple[int, bytes]:
    platform = open_platform(root, environ={})
    try:
        return platform.log.head()
    finally:
        platform.store.close()


def test_a_day_is_made_again_as_it_was_and_nothing_is_written(root: Path, instance: dg.DagsterInstance) -> None:
    before = head(root)
    run = make(instance, "replayed_days")
    assert run.success
    assert [check.passed for check in run.get_asset_check_evaluations()] == [True]
    assert (told(instance, "replayed_days")["tasks"], told(instance, "replayed_days")["different"]) == ("1", "0")
    assert told(instance, "replayed_days", "2026-11-03")["tasks"] == "0"
    assert head(root) == before


def test_a_difference_is_flagged_and_says_which_task(
    root: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    from agents import finance

    monkeypatch.setitem(finance._MAIL["en"], "title", "Bill {client}: {gross}")
    run = make(instance, "replayed_days")
    assert run.success
    (check,) = run.get_asset_check_evaluations()
    assert not check.passed
    said = told(instance, "replayed_days")
    assert said["different"] == "1"
    assert "| `agentos replay " in said["differences"]
    assert "Acme" not in "".join(repr(entry) for entry in instance.all_logs(run.run_id))


def test_what_if_a_stricter_policy_had_held(root: Path, instance: dg.DagsterInstance) -> None:
    before = head(root)
    run = make(instance, "what_if", {"policy": REFUSING, "models": []})
    assert run.success
    said = told(instance, "what_if")
    assert "| tasks completed | 1 | 0 |" in said["side by side"]
    assert "| interruptions | 1 | 0 |" in said["side by side"]
    assert "| effects refused | 0 | 3 |" in said["side by side"]
    assert "completed → failed" in said["otherwise"]
    assert "2 day(s) of this run" in said
    assert head(root) == before
    assert "Acme" not in "".join(repr(entry) for entry in instance.all_logs(run.run_id))


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"policy": "", "models": []}, "What should be otherwise is not said"),
        ({"policy": "../elsewhere.toml", "models": []}, "is no file below the workspace"),
        ({"policy": "", "models": ["gpt-5"]}, "names no tier and model"),
        ({"policy": "[budget]\nnonsense = 1", "models": []}, "the policy given"),
    ],
)
def test_what_cannot_be_asked_is_said_in_a_sentence(
    root: Path, instance: dg.DagsterInstance, config: dict[str, Any], says: str
) -> None:
    run = make(instance, "what_if", config)
    assert not run.success
    assert says in str(run.failure_data_for_node("what_if"))


def test_an_interrupted_backfill_goes_on_and_a_half_done_day_begins_anew(tmp_path: Path) -> None:
    days = [date(2026, 11, day) for day in (1, 2, 3)]
    worked: list[int] = []

    async def work(day: date, folder: Path) -> dict[str, Any]:
        worked.append(day.day)
        assert os.listdir(folder) == []
        (folder / "log").touch()
        if len(worked) == 2:
            raise KeyboardInterrupt
        return {"day": str(day)}

    with pytest.raises(KeyboardInterrupt):
        list(day_by_day(tmp_path, "one", days, work))
    found = list(day_by_day(tmp_path, "one", days, work))
    assert found == [(day, {"day": str(day)}) for day in days]
    assert worked == [1, 2, 2, 3]
    list(day_by_day(tmp_path, "another", days, work))
    assert len(worked) == 7


def a_run(
    instance: dg.DagsterInstance, parent: dg.DagsterRun | None = None, *, ended: str, **tags: str
) -> dg.DagsterRun:
    own = {f"dagster/{name}": value for name, value in tags.items()}
    before = {"dagster/parent_run_id": parent.run_id, "dagster/root_run_id": parent.run_id} if parent else {}
    run = dg.DagsterRun(
        job_name="a", run_id=make_new_run_id(), status=dg.DagsterRunStatus[ended], tags=own | before,
        parent_run_id=parent.run_id if parent else None, root_run_id=parent.run_id if parent else None,
    )  # fmt: skip
    instance.add_run(run)
    return run


def test_what_came_to_no_good_end_goes_on_and_what_succeeded_begins_anew() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        killed = a_run(instance, ended="FAILURE", backfill="first")
        again = a_run(instance, killed, ended="FAILURE")
        assert [name_of(one, instance) for one in (killed, again)] == ["first", "first"]
        assert name_of(a_run(instance, again, ended="SUCCESS"), instance) == "first"
        good = a_run(instance, ended="SUCCESS")
        once_more = a_run(instance, good, ended="STARTED")
        assert name_of(once_more, instance) == once_more.run_id


@pytest.mark.parametrize(("ended", "name"), [("COMPLETED_FAILED", "first"), ("COMPLETED_SUCCESS", "second")])
def test_a_backfill_that_is_executed_again_goes_on_if_the_one_before_failed(ended: str, name: str) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        first = PartitionBackfill("first", BulkActionStatus[ended], from_failure=False, tags={}, backfill_timestamp=0.0)
        instance.add_backfill(first)
        run = a_run(instance, ended="STARTED", backfill="second", parent_backfill_id="first")
        assert name_of(run, instance) == name
