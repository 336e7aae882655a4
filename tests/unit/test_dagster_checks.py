"""Checks in Dagster, on a real workspace: what they show, what they hold back, what was done about it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest

from agentos.expectations.blocking import BLOCKING
from agentos.views.read import path_of
from agentos_assets.definitions import defs
from agentos_assets.views.declared import declared
from tests.fakes.business import secrets_in

pytestmark = pytest.mark.xdist_group("great-expectations")


def run(instance: dg.DagsterInstance, selection: dg.AssetSelection) -> dg.ExecuteInProcessResult:
    repository = defs().get_repository_def()
    job = dg.define_asset_job("looked_at", selection=selection, executor_def=dg.in_process_executor)
    resolved = job.resolve(asset_graph=repository.asset_graph)
    return resolved.execute_in_process(instance=instance, raise_on_error=False)


def results(run: dg.ExecuteInProcessResult) -> dict[str, dg.AssetCheckEvaluation]:
    found = run.get_asset_check_evaluations()
    return {f"{one.asset_key.to_user_string()}.{one.check_name}": one for one in found}


def text(evaluation: dg.AssetCheckEvaluation) -> dict[str, Any]:
    return {name: value.value for name, value in evaluation.metadata.items()}


def checked(*names: str) -> dg.AssetSelection:
    assets = dg.AssetSelection.assets(*names)
    return assets.without_checks() | dg.AssetSelection.checks(*(expectations(name) for name in names))


def expectations(view: str) -> dg.AssetCheckKey:
    return dg.AssetCheckKey(dg.AssetKey(view), "expectations")


def test_every_view_has_a_check_and_wrong_money_blocks() -> None:
    graph = defs().get_repository_def().asset_graph
    keys = {key.asset_key.to_user_string(): key for key in graph.asset_check_keys if key.name == "expectations"}
    assert set(keys) == {view.name for view in declared()}
    assert {name for name, key in keys.items() if graph.get_check_spec(key).blocking} == BLOCKING


def test_a_check_says_what_holds_and_tells_no_secret(invoiced: Path, instance: dg.DagsterInstance) -> None:
    done = run(instance, checked("invoices", "receivables"))
    assert done.success
    found = results(done)
    assert {name: one.passed for name, one in found.items()} == {
        "invoices.expectations": True, "receivables.expectations": True,
    }  # fmt: skip
    shown = text(found["invoices.expectations"])
    assert "- gross is net plus VAT" in shown["holds"]
    assert shown["rows"] == 1
    assert secrets_in(repr(list(found.values()))) == []


@pytest.fixture
def tampered(invoiced: Path, instance: dg.DagsterInstance) -> pl.DataFrame:
    """The view `invoices` as somebody left it: up to date by its cursor, and wrong by one euro."""
    assert run(instance, dg.AssetSelection.assets("invoices", "numbers", "sql_views").without_checks()).success
    path = path_of(invoiced, "invoices")
    view = pl.read_parquet(path).with_columns(net=pl.col("net") + 1)
    view.write_parquet(path, metadata=pl.read_parquet_metadata(path))
    return view


def test_what_does_not_hold_is_shown_by_the_events_of_its_rows(
    tampered: pl.DataFrame, instance: dg.DagsterInstance
) -> None:
    done = run(instance, dg.AssetSelection.checks(expectations("invoices")))
    (found,) = results(done).values()
    assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.ERROR)
    shown = text(found)["does not hold"]
    assert "| what should hold | gross is net plus VAT |" in shown
    assert "| rows | 1 of 1 |" in shown
    assert f"the rows of event {tampered['seqs'][0][0]}: `agentos check invoices --stale` names them" in shown
    assert_no_secrets(instance, done.run_id)


@pytest.mark.usefixtures("tampered")
def test_wrong_money_holds_back_what_is_made_of_it_in_the_same_run(instance: dg.DagsterInstance) -> None:
    """The views themselves are one step, which has ended when they are checked."""
    done = run(instance, checked("invoices") | dg.AssetSelection.assets("sql_views").without_checks())
    began = [event.step_key for event in done.all_events if event.event_type == dg.DagsterEventType.STEP_START]
    assert began == ["views", "invoices_expectations"]
    assert not done.success


def assert_no_secrets(instance: dg.DagsterInstance, run_id: str) -> None:
    assert secrets_in("".join(repr(entry) for entry in instance.all_logs(run_id))) == []
