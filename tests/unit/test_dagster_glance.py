"""The asset `at_a_glance`: what each answer says, in how many characters, and that it tells no secret."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest

from agentos.ids import short, uuid7
from agentos.platform import open_store
from agentos.tasks.answers import Desk
from agentos.views.catalogue import VIEWS
from agentos_assets.checks.results import Checked, checked, failing_since
from agentos_assets.definitions import defs
from agentos_assets.glance.answers import failed, owed, parked, repaired
from agentos_assets.links import to_check, to_task
from agentos_assets.waits import FORGOTTEN

AT = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
IN_PLACE = 1000
"""Characters of Markdown that Dagster's page shows without a click."""
SECRETS = ("Acme", "workshop", "1,200")


def frame(view: str, *rows: dict[str, Any]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema={name: column.dtype for name, column in VIEWS[view].columns.items()})


def waiting(nth: int, kind: str) -> dict[str, Any]:
    return {"task": uuid7(1_790_000_000_000 + nth), "status": "parked", "parked": [kind], "opened_at": AT}


def test_parked_tasks_are_counted_by_what_they_wait_for_and_the_newest_are_links() -> None:
    tasks = [waiting(nth, "backoff" if nth % 3 else "approval") for nth in range(60)]
    said = parked(frame("tasks", *tasks))
    assert said.startswith("60 task(s) wait: 40 for its next try, 20 for your approval.")
    assert f"| {to_task(tasks[0]['task'])} | your approval | 2026-11-28 12:00 UTC |" in said
    assert "[tasks](/assets/tasks)" in said
    assert len(said) < IN_PLACE


def test_a_parked_task_of_a_forgotten_client_is_counted_too() -> None:
    said = parked(frame("tasks", waiting(0, "approval"), waiting(1, "approval") | {"parked": None}))
    assert said.startswith(f"2 task(s) wait: 1 for your approval, 1 for {FORGOTTEN}.")
    assert f"| {FORGOTTEN} |" in said


def test_when_nothing_waits_or_is_owed_or_differs_it_is_said() -> None:
    assert parked(frame("tasks")).startswith("No task waits for anything.")
    assert owed(frame("receivables")).startswith("Nobody owes anything.")
    assert repaired(frame("drifts")).startswith("Nothing outside was ever found to differ from the log.")
    assert failed([]) == "None.\n\nNone has run yet."


def test_failed_checks_come_first_in_their_own_words_as_far_as_there_is_room() -> None:
    wrong = [Checked("effects", f"look{nth}", AT, AT + timedelta(minutes=nth), "It is gone. " * 20) for nth in range(9)]
    said = failed([Checked("tasks", "expectations", AT), *wrong])
    assert said.startswith(f"**{to_check('effects', 'look8')}** since 2026-11-28 12:08 UTC. It is gone.")
    shown = said.count("since")
    assert said.endswith(f"1 passed. {9 - shown} more failed.")
    assert len(said) < IN_PLACE


@pytest.fixture
def glance(invoiced: Path, instance: dg.DagsterInstance) -> Any:
    """Makes the asset and all it rests on; returns what it says."""

    def make() -> dict[str, str]:
        selection = dg.AssetSelection.assets("at_a_glance").upstream() & dg.AssetSelection.groups(
            "work", "money", "agents", "trust", "overview"
        )
        job = dg.define_asset_job("glance", selection=selection.without_checks(), executor_def=dg.in_process_executor)
        repository = defs().get_repository_def()
        run = job.resolve(asset_graph=repository.asset_graph).execute_in_process(instance=instance)
        assert run.success
        stored = "".join(repr(entry) for entry in instance.all_logs(run.run_id))
        assert [word for word in SECRETS if word in stored] == []
        (record,) = instance.fetch_materializations(dg.AssetKey("at_a_glance"), limit=1).records
        assert record.asset_materialization is not None
        return {name: str(value.value) for name, value in record.asset_materialization.metadata.items()}

    return make


def look_outside(instance: dg.DagsterInstance) -> None:
    job = defs().get_repository_def().get_job("reconcile_outside")
    job.execute_in_process(instance=instance, raise_on_error=False)


def test_a_failed_check_is_told_with_its_repair_and_is_gone_once_it_passes(
    invoiced: Path, instance: dg.DagsterInstance, glance: Any
) -> None:
    told = glance()
    assert "| acme-studio | 1428.00 |" in told["what clients owe"]
    assert "| today | 0.00 |" in told["what yesterday cost"]
    record = next((invoiced / "books" / "invoices").glob("*.pdf"))
    kept = record.read_bytes()
    record.unlink()
    look_outside(instance)
    first = failing_since(instance, dg.AssetCheckKey(dg.AssetKey("invoices"), "documents"))
    look_outside(instance)
    store = open_store(invoiced)
    (opened,) = store.log.read(types=("repair.opened",))
    told = glance()
    assert told["which checks failed"].startswith(
        f"**{to_check('invoices', 'documents')}** since {first:%Y-%m-%d %H:%M}"
    )
    assert "4 passed." in told["which checks failed"]
    assert "| invoice: changed |" in told["what was done about it"]
    assert to_task(opened.data["task"]) in told["what was done about it"]

    record.write_bytes(kept)
    look_outside(instance)
    (documents,) = [
        one
        for one in checked(instance, defs().get_repository_def().asset_graph.asset_check_keys)
        if one.name == "documents"
    ]
    assert documents.since is None
    told = glance()
    assert told["which checks failed"].startswith("None.")
    assert "| gone |" in told["what was done about it"]
    assert Desk(store).load(opened.data["task"]).status == "cancelled"
    assert short(opened.data["task"]) in told["what was done about it"]
    store.close()
