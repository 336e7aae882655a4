"""What lies in Dagster's own store: the runbook as it stands, amounts by client, and that these go with a client."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from agentos.events.types import CircuitOpened
from agentos.platform import open_store
from agentos.tasks.answers import Desk
from agentos.workspace.answers import demo
from agentos.workspace.init import init_workspace
from agentos_assets.definitions import defs
from agentos_assets.forgetting import wipe_clients
from agentos_assets.home import make_home
from agentos_assets.runbook.entries import Entry
from agentos_assets.runbook.living import living
from agentos_assets.views.declared import declared

TEXT = "Invoice Acme Studio 1,200 EUR for the March workshop"
pytestmark = pytest.mark.xdist_group("dagster_store")
ABOUT_HER = (b"acme-studio", b"1428.00")
"""What the metadata of views may hold of a client."""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An invoice was sent; the log knows of an open circuit."""
    root = tmp_path_factory.mktemp("store") / "ws"
    init_workspace(root, demo())
    return root


@pytest.fixture(scope="module")
def instance(root: Path) -> Iterator[dg.DagsterInstance]:
    """The store that `agentos up` uses, with the views of a paid workspace in it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AGENTOS_WORKSPACE", str(root))
        with dg.DagsterInstance.from_config(str(make_home(root).folder)) as opened:
            store = open_store(root)
            desk = Desk(store)
            task = desk.submit(TEXT)
            assert advance(opened)
            desk.approve(desk.load(task).open_cards()[0].id)
            assert advance(opened)
            later = datetime.now(UTC) + timedelta(hours=1)
            for circuit in ("mail:main", "client.example.com"):
                store.log.append(CircuitOpened(circuit=circuit, until=later, why="5 failures in a row").on("circuit"))
            store.close()
            assert make_views(opened)
            yield opened


def advance(instance: dg.DagsterInstance) -> bool:
    config = {"ops": {"advance": {"config": {"linger_seconds": 0.0}}}}
    return defs().resolve_job_def("advance_tasks").execute_in_process(instance=instance, run_config=config).success


def make_views(instance: dg.DagsterInstance) -> bool:
    """Without the checks: their suites take seconds to import."""
    wanted = {dg.AssetKey(name) for name in (*[view.name for view in declared()], "runbook")}
    job = defs().resolve_implicit_global_asset_job_def()
    return (
        job.get_subset(asset_selection=wanted, asset_check_selection=set())
        .execute_in_process(instance=instance)
        .success
    )


def held(root: Path) -> set[bytes]:
    """Which of ABOUT_HER lies in any file of Dagster's."""
    files = [path.read_bytes() for path in (root / "state" / "dagster").rglob("*") if path.is_file()]
    return {word for word in ABOUT_HER for data in files if word in data}


def test_the_runbook_says_how_everything_stands(root: Path, instance: dg.DagsterInstance) -> None:
    text = (root / "state" / "views" / "runbook.md").read_text("utf-8")
    (record,) = instance.fetch_materializations(dg.AssetKey("runbook"), limit=1).records
    assert record.asset_materialization is not None
    assert record.asset_materialization.metadata["runbook"].value == text
    finance, mail, job = (section(text, name) for name in ("finance", "mail.send", "advance_tasks"))
    assert "; this week 1 step(s), 0 failed attempt(s); mean confidence 100%" in finance
    assert "* **now**: last success 20" in mail
    assert "this week 1 done; **circuit open until 20" in mail
    assert "this week 0 failed run(s)" in job
    assert "`mail:main` until" in text
    assert "1 web host(s)" in text
    assert not [word for word in ("Acme", "acme", "1428.00", "client.example") if word in text]


def section(text: str, name: str) -> str:
    return text.partition(f"### {name}\n")[2].partition("\n### ")[0]


def test_a_check_that_never_ran_says_nothing(root: Path, instance: dg.DagsterInstance) -> None:
    store = open_store(root)
    check = Entry("check", "tasks.whole", "Views are right.", ("It fails.",), "Nothing.", "Look.", {})
    assert "**now**" not in section(living(store, [check], instance, datetime.now(UTC)), "tasks.whole")
    store.close()


def test_amounts_by_client_go_when_they_are_wiped_and_come_back_with_the_next_run(
    root: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AGENTOS_WORKSPACE", str(root))
    assert held(root) == set(ABOUT_HER)
    assert wipe_clients(instance) == 1
    assert held(root) == set()
    assert instance.fetch_materializations(dg.AssetKey("receivables"), limit=1).records == []
    assert len(instance.get_runs()) == 2, "runs that advanced tasks stay"
    assert wipe_clients(instance) == 0
    assert make_views(instance)
    assert held(root) == set(ABOUT_HER)
