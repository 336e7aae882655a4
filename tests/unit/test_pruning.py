"""Old runs go; what they were the last to say of an asset or a task does not."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from agentos.platform import Store, open_store
from agentos.tasks.answers import Desk
from agentos.workspace.answers import demo
from agentos.workspace.init import init_workspace
from agentos_assets.definitions import defs
from agentos_assets.home import make_home
from agentos_assets.pruning import prune
from agentos_assets.resources import PlatformResource
from agentos_assets.task_asset import TASK, partition_of, shown_seq

LATER = datetime.now(UTC) + timedelta(days=1)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    init_workspace(tmp_path / "ws", demo())
    opened = open_store(tmp_path / "ws")
    yield opened
    opened.close()


@pytest.fixture
def instance(store: Store) -> Iterator[dg.DagsterInstance]:
    """As `agentos up` sets it up: what is deleted has to go from those stores."""
    with dg.DagsterInstance.from_config(str(make_home(store.root).folder)) as one:
        yield one


def advance(store: Store, instance: dg.DagsterInstance) -> str:
    result = (
        defs()
        .resolve_job_def("advance_tasks")
        .execute_in_process(
            instance=instance,
            resources={"platform": PlatformResource(workspace=str(store.root))},
            run_config={"ops": {"advance": {"config": {"linger_seconds": 0.0}}}},
        )
    )
    return result.run_id


def runs(instance: dg.DagsterInstance) -> set[str]:
    return {run.run_id for run in instance.get_runs()}


@dg.asset(check_specs=[dg.AssetCheckSpec("whole", asset="view")])
def view():  # no annotation: Dagster reads one as the only output
    return dg.MaterializeResult(check_results=[dg.AssetCheckResult(passed=True, check_name="whole")])


def test_a_task_is_shown_as_before_when_the_run_that_showed_it_is_gone(
    store: Store, instance: dg.DagsterInstance
) -> None:
    task = Desk(store).submit("Invoice Acme Studio 1,200 EUR for the March workshop")
    run = advance(store, instance)
    before = shown_seq(instance, task)
    assert prune(instance, store, LATER) == 1
    assert runs(instance) == set()
    assert shown_seq(instance, task) == before > 0
    (said,) = instance.fetch_materializations(TASK.key, limit=5).records
    assert said.asset_materialization is not None
    assert said.asset_materialization.partition == partition_of(task)
    assert said.run_id != run
    assert prune(instance, store, LATER) == 0


def test_only_what_ended_before_goes(store: Store, instance: dg.DagsterInstance) -> None:
    run = advance(store, instance)
    assert prune(instance, store, datetime.now(UTC) - timedelta(days=30)) == 0
    assert runs(instance) == {run}


def test_the_last_word_on_an_asset_or_its_check_stays(store: Store, instance: dg.DagsterInstance) -> None:
    first, second = (dg.materialize([view], instance=instance).run_id for _ in range(2))
    assert prune(instance, store, LATER) == 1
    assert runs(instance) == {second}
    assert first != second
    assert instance.get_latest_materialization_event(dg.AssetKey("view")) is not None


def test_it_is_a_job_of_its_own_and_says_how_many(store: Store, instance: dg.DagsterInstance) -> None:
    result = (
        defs()
        .resolve_job_def("prune_runs")
        .execute_in_process(instance=instance, resources={"platform": PlatformResource(workspace=str(store.root))})
    )
    said = [entry.user_message for entry in instance.all_logs(result.run_id)]
    assert any(text.startswith("0 run(s) that ended before") for text in said)
