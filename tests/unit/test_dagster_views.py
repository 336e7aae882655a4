"""History and views as assets, on a real workspace: what they report, what makes them fresh, and that it ends."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest

from agentos.clock import FixedClock
from agentos.ids import short
from agentos.platform import open_store
from agentos.tasks.answers import Desk
from agentos.views.history import sealed_days
from agentos.workspace.answers import demo
from agentos.workspace.init import init_workspace
from agentos_assets.definitions import defs
from agentos_assets.event_log import EVENT_LOG, log_growth
from agentos_assets.first_day import VARIABLE, first_day
from agentos_assets.growth import PATIENCE, grown
from agentos_assets.history import unsealed_days
from agentos_assets.sql import ViewsDatabase
from agentos_assets.views.columns import rows_of
from agentos_assets.views.columns import short as short_of
from agentos_assets.views.declared import declared
from agentos_assets.views.freshness import TRIGGER, freshness_sensor
from agentos_assets.views.plot import bars
from agentos_assets.views.shown import _costs

TEXT = "Invoice Acme Studio 1,200 EUR for the March workshop"
NAMES = ("Acme", "workshop")
"""Names and words of hers: none may lie in Dagster's storage."""
BEGAN = datetime(2026, 11, 2, 10, 0, tzinfo=UTC)
IN_PLACE = 1000
"""Characters of Markdown that Dagster's page shows without a click."""
VIEWS = {view.name for view in declared()}


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    init_workspace(tmp_path / "ws", demo())
    monkeypatch.setenv("AGENTOS_WORKSPACE", str(tmp_path / "ws"))
    monkeypatch.setenv(VARIABLE, BEGAN.date().isoformat())
    return tmp_path / "ws"


@pytest.fixture
def desk(root: Path) -> Iterator[Desk]:
    store = open_store(root)
    yield Desk(store)
    store.close()


def days_of_work(root: Path, *days: int) -> None:
    """A request on each of these days after BEGAN."""
    for day in days:
        clock = FixedClock(BEGAN + timedelta(days=day))
        store = open_store(root, clock=clock)
        Desk(store, clock=clock).submit(TEXT)
        store.close()


def resources() -> dict[str, object]:
    return dict(defs().resources or {})


def grow(instance: dg.DagsterInstance, cursor: str | None = None) -> str | None:
    """A tick of `log_growth`, its report stored as the daemon stores it. The next cursor; None when it was skipped."""
    result = log_growth(dg.build_sensor_context(instance=instance, cursor=cursor, resources=resources()))
    if isinstance(result, dg.SkipReason):
        return None
    assert isinstance(result, dg.SensorResult)
    for event in result.asset_events:
        assert isinstance(event, dg.AssetMaterialization)
        instance.report_runless_asset_event(event)
    return result.cursor


def make(instance: dg.DagsterInstance, *names: str, **more: Any) -> dg.ExecuteInProcessResult:
    """A run of these assets, as Dagster's own job makes it, without their checks, which take seconds to import; all
    views without names."""
    wanted = {dg.AssetKey(name) for name in names or VIEWS}
    job = defs().resolve_implicit_global_asset_job_def().get_subset(asset_selection=wanted, asset_check_selection=set())
    return job.execute_in_process(instance=instance, raise_on_error=False, **more)


class Daemon:
    """Evaluates the conditions tick by tick, as the sensor `fresh_views` has it done."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self.instance = instance
        self.cursor: Any = None
        self.now = datetime.now(UTC).replace(hour=12, minute=0)

    def tick(self, later: timedelta = timedelta(seconds=10)) -> set[str]:
        self.now += later
        found = dg.evaluate_automation_conditions(
            defs=defs(), instance=self.instance, cursor=self.cursor, evaluation_time=self.now,
            asset_selection=dg.AssetSelection.all(),
        )  # fmt: skip
        self.cursor = found.cursor
        keys = defs().get_repository_def().asset_graph.get_all_asset_keys()
        return {key.to_user_string() for key in keys if found.get_num_requested(key)}


def last(instance: dg.DagsterInstance, name: str, partition: str | None = None) -> dg.AssetMaterialization:
    wanted = dg.AssetRecordsFilter(dg.AssetKey(name), asset_partitions=[partition] if partition else None)
    (record,) = instance.fetch_materializations(wanted, limit=1).records
    assert record.asset_materialization is not None
    return record.asset_materialization


def text_of(one: dg.AssetMaterialization) -> dict[str, str]:
    return {name: str(value.value) for name, value in one.metadata.items()}


# -- what is reported


def test_the_log_is_reported_once_for_each_state(root: Path, desk: Desk, instance: dg.DagsterInstance) -> None:
    desk.submit(TEXT)
    cursor = grow(instance)
    told = text_of(last(instance, "event_log"))
    assert told["seq"] == "2"
    assert told["events today"] == "2"
    assert "| task.opened | 1 |" in told["today (UTC) by type"]
    assert grow(instance, cursor) is None
    desk.submit(TEXT)
    assert grow(instance, cursor) is not None
    assert "| task.opened | 2 |" in text_of(last(instance, "event_log"))["today (UTC) by type"]
    assert len(instance.fetch_materializations(EVENT_LOG.key, limit=9).records) == 2


def test_events_of_other_days_are_not_todays(root: Path, instance: dg.DagsterInstance) -> None:
    days_of_work(root, 0, 1)
    grow(instance)
    told = text_of(last(instance, "event_log"))
    assert (told["seq"], told["events today"], told["today (UTC) by type"]) == ("4", "0", "none")


def test_views_say_how_much_they_hold_and_what_a_person_looks_for(
    root: Path, desk: Desk, instance: dg.DagsterInstance
) -> None:
    task = desk.submit(TEXT)
    run = (
        defs()
        .resolve_job_def("advance_tasks")
        .execute_in_process(instance=instance, run_config={"ops": {"advance": {"config": {"linger_seconds": 0.0}}}})
    )
    assert run.success
    (card,) = desk.load(task).open_cards()
    assert make(instance).success
    tasks = text_of(last(instance, "tasks"))
    assert tasks["dagster/row_count"] == "1"
    assert (
        f"| `{short(task)}` | send-invoice | acme-studio | parked | your approval | {short(card.id)} |" in tasks["open"]
    )
    assert (
        f"| `{short(card.id)}` | effects | `{short(task)}` |" in text_of(last(instance, "approvals"))["waiting for you"]
    )
    desk.approve(card.id)
    defs().resolve_job_def("advance_tasks").execute_in_process(
        instance=instance, run_config={"ops": {"advance": {"config": {"linger_seconds": 0.0}}}}
    )
    assert make(instance).success
    assert "| acme-studio | 1428.00 | " in text_of(last(instance, "receivables"))["what each client owes"]
    assert "| completed | 1 |" in text_of(last(instance, "tasks"))["ended"]
    assert text_of(last(instance, "tasks"))["open"].startswith("no task is open")
    assert_no_names(instance)


def assert_no_names(instance: dg.DagsterInstance) -> None:
    for run in instance.get_runs():
        stored = repr(run) + "".join(repr(entry) for entry in instance.all_logs(run.run_id))
        assert [name for name in NAMES if name in stored] == []


def test_what_yesterday_cost_is_said_even_where_it_was_nothing() -> None:
    today = date(2026, 11, 20)
    rows = {
        "day": [date(2026, 11, 1), date(2026, 11, 19)],
        "agent": ["drafter", "drafter"],
        "currency": ["USD", "USD"],
        "cost": [Decimal("0.50"), Decimal("0.0012")],
        "calls": [3, 1],
    }
    frame = pl.DataFrame(rows, schema_overrides={"cost": pl.Decimal(38, 12), "calls": pl.UInt32})
    told = _costs(frame, today)
    assert "| today | 0.00 |  | 0 |" in told["what models cost"]
    assert "| yesterday | 0.0012 | USD | 1 |" in told["what models cost"]
    assert "| this month | 0.5012 | USD | 4 |" in told["what models cost"]
    assert "| drafter | 0.5012 | USD | 4 |" in told["this month by agent"]
    plot = told["last 30 days, USD"]
    drawn = b64decode(plot.partition("base64,")[2].removesuffix(")")).decode()
    assert drawn.count("v-") == 2
    assert len(plot) < IN_PLACE
    assert "at most 0.5 USD" in drawn
    assert "2026-10-22" in drawn


def test_a_table_is_as_long_as_the_page_shows_in_its_place() -> None:
    frame = pl.DataFrame({"task": [f"{nth:036}" for nth in range(500)]})
    text = rows_of(frame, {"task": short_of("task")}, "none")
    assert len(text) < IN_PLACE
    assert "| `00000000` |" in text
    assert text.endswith(f"and {500 - text.count('| `')} more")


def test_thirty_bars_are_shown_in_place() -> None:
    days = [str(date(2026, 11, day)) for day in range(1, 31)]
    assert 500 < len(bars(days, [day % 7 + 93.0 for day in range(30)], "USD", about="cost by day")) < IN_PLACE
    assert bars(days, [0.0] * 30, "USD", about="cost by day") == ""


def test_a_view_alone_is_made_with_what_it_comes_from(root: Path, desk: Desk, instance: dg.DagsterInstance) -> None:
    desk.submit(TEXT)
    assert make(instance, "receivables").success
    assert instance.fetch_materializations(dg.AssetKey("invoices"), limit=1).records == []
    assert (root / "state" / "views" / "invoices.parquet").exists()


# -- history


def test_days_are_sealed_with_their_digest_and_a_day_off_is_no_failure(
    root: Path, instance: dg.DagsterInstance
) -> None:
    days_of_work(root, 0, 2)
    run = make(instance, "history", tags=reach("2026-11-02", "2026-11-04"))
    assert run.success
    store = open_store(root)
    (first, third) = sealed_days(store)
    assert first_day(store) == date(2026, 11, 2)
    store.close()
    told = text_of(last(instance, "history", "2026-11-02"))
    assert (told["digest"], told["dagster/row_count"], told["events"]) == (first.digest, "2", "1 to 2")
    assert "| task.opened | 1 |" in told["by type"]
    assert text_of(last(instance, "history", "2026-11-03"))["dagster/row_count"] == "0"
    assert text_of(last(instance, "history", "2026-11-04"))["digest"] == third.digest


def reach(first: str, last: str) -> dict[str, str]:
    return {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}


def overdue(instance: dg.DagsterInstance, cursor: str | None = None) -> dg.SensorResult | dg.SkipReason:
    result = unsealed_days(dg.build_sensor_context(instance=instance, cursor=cursor, resources=resources()))
    assert isinstance(result, dg.SensorResult | dg.SkipReason)
    return result


def test_days_that_are_over_are_asked_for_until_they_are_sealed_and_shown(
    root: Path, instance: dg.DagsterInstance
) -> None:
    days_of_work(root, 0, 3)
    asked = overdue(instance)
    assert isinstance(asked, dg.SensorResult)
    assert asked.run_requests is not None
    (request,) = asked.run_requests
    assert request.tags == {**reach("2026-11-02", "2026-11-05"), "agentos/trigger": "history"}
    make(instance, "history", tags=request.tags)
    done = overdue(instance, asked.cursor)
    assert isinstance(done, dg.SensorResult)
    assert not done.run_requests
    assert isinstance(overdue(instance, done.cursor), dg.SkipReason)


def test_a_day_that_was_sealed_by_a_run_that_died_is_shown_by_the_next(
    root: Path, instance: dg.DagsterInstance
) -> None:
    days_of_work(root, 0)
    with dg.DagsterInstance.ephemeral() as another:  # what the dead run knew is gone
        make(another, "history", partition_key="2026-11-02")
    asked = overdue(instance)
    assert isinstance(asked, dg.SensorResult)
    assert asked.run_requests is not None
    assert len(asked.run_requests) == 1


# -- freshness


def test_what_happens_makes_every_view_fresh_in_one_run_and_then_it_is_quiet(
    root: Path, desk: Desk, instance: dg.DagsterInstance
) -> None:
    daemon = Daemon(instance)
    desk.submit(TEXT)
    cursor = grow(instance)
    first = daemon.tick()
    assert first >= VIEWS | {"sql_views", "runbook"}
    assert make(instance, *first).success
    head = desk.store.log.head()
    assert daemon.tick() == set()
    assert daemon.tick() == set()
    assert (grow(instance, cursor), desk.store.log.head()) == (None, head), "a run of views appends nothing"
    desk.submit(TEXT)
    grow(instance, cursor)
    assert daemon.tick() == VIEWS | {"sql_views", "at_a_glance"}
    assert make(instance).success
    assert make(instance, "history", partition_key="2026-11-02").success
    assert daemon.tick() == set(), "a sealed day says nothing new"


def test_what_happens_before_the_run_has_ended_asks_for_another(
    root: Path, desk: Desk, instance: dg.DagsterInstance
) -> None:
    daemon = Daemon(instance)
    desk.submit(TEXT)
    cursor = grow(instance)
    assert daemon.tick() >= VIEWS
    assert daemon.tick() == set()
    desk.submit(TEXT)
    grow(instance, cursor)
    assert daemon.tick() >= VIEWS


def test_views_that_have_not_followed_are_reported_once_more(
    root: Path, desk: Desk, instance: dg.DagsterInstance
) -> None:
    desk.submit(TEXT)
    now = datetime.now(UTC)
    told = grown(desk.store, None, now)
    assert grown(desk.store, str(told), now + PATIENCE / 2) is None
    again = grown(desk.store, str(told), now + PATIENCE)
    assert again is not None
    assert grown(desk.store, str(again), now + PATIENCE * 9) is None
    assert make(instance).success
    assert grown(desk.store, str(told), now + PATIENCE) is None


def test_a_new_day_makes_those_fresh_whose_meaning_depends_on_it(
    root: Path, desk: Desk, instance: dg.DagsterInstance
) -> None:
    daemon = Daemon(instance)
    desk.submit(TEXT)
    grow(instance)
    make(instance, *daemon.tick())
    assert daemon.tick() == set()
    asked = daemon.tick(timedelta(days=1))
    assert {view.name for view in declared() if view.dated} <= asked
    assert {"receivables", "invoices"} <= asked
    assert "steps" not in asked


def test_the_sensor_looks_often_enough() -> None:
    sensor = freshness_sensor()
    assert sensor.default_status == dg.DefaultSensorStatus.RUNNING
    assert sensor.run_tags == TRIGGER
    assert (log_growth.minimum_interval_seconds or 0) + (sensor.minimum_interval_seconds or 0) <= 45


# -- SQL


def test_sql_reads_what_is_published_and_nobody_meets_a_lock(
    root: Path, desk: Desk, instance: dg.DagsterInstance
) -> None:
    desk.submit(TEXT)
    assert make(instance).success
    assert make(instance, "sql_views").success
    assert "| tasks | " in text_of(last(instance, "sql_views"))["views"]
    with ViewsDatabase().get_connection() as reader:
        assert reader.execute("SELECT count(*) FROM tasks").fetchall() == [(1,)]
        desk.submit(TEXT)
        assert make(instance).success
        assert make(instance, "sql_views").success
        assert reader.execute("SELECT count(*) FROM tasks").fetchall() == [(2,)]
    assert pl.read_parquet(root / "state" / "views" / "tasks.parquet").height == 2


def test_every_view_says_where_its_columns_come_from() -> None:
    graph = defs().get_repository_def().asset_graph
    for view in declared():
        metadata = graph.get(dg.AssetKey(view.name)).metadata
        lineage = metadata["dagster/column_lineage"]
        assert isinstance(lineage, dg.TableColumnLineageMetadataValue)
        deps = lineage.lineage.deps_by_column
        assert set(deps) == {name for name, _, _ in view.columns}
        assert {dep.asset_key.to_user_string() for found in deps.values() for dep in found} <= {*view.depends}
    told = str(graph.get(dg.AssetKey("receivables")).metadata["where its columns come from"].value)
    assert told.startswith("Every column rests on invoices `client`, `currency`, `status`")
    assert "| oldest_due | invoices `due_on` |" in told
