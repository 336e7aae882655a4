"""The schedule `reconciliation` on a real workspace: a difference becomes a task, and Dagster learns numbers only."""

from __future__ import annotations

from pathlib import Path

import dagster as dg

from agentos.platform import open_store
from agentos.workspace.answers import demo
from agentos.workspace.init import init_workspace
from agentos_assets.definitions import defs
from agentos_assets.resources import PlatformResource


def look(root: Path, instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    resources = {"platform": PlatformResource(workspace=str(root))}
    return defs().resolve_job_def("reconcile_outside").execute_in_process(instance=instance, resources=resources)


def test_a_difference_becomes_a_task_and_dagster_learns_numbers_only(tmp_path: Path) -> None:
    init_workspace(tmp_path / "ws", demo())
    odd = tmp_path / "ws" / "outbox" / "odd.eml"
    odd.parent.mkdir(exist_ok=True)
    odd.write_bytes(b"To: accounts@acme-studio.example\r\nSubject: Private\r\n\r\nHello\r\n")
    with dg.DagsterInstance.ephemeral() as instance:
        result = look(tmp_path / "ws", instance)
        assert result.success
        checks = {one.check_name: one.passed for one in result.get_asset_check_evaluations()}
        assert (checks["outbox"], checks["site"]) == (False, True)
        kept = repr([entry.to_json() for entry in instance.all_logs(result.run_id)])
        assert "Private" not in kept
        assert "odd.eml" not in kept
        assert look(tmp_path / "ws", instance).success
    store = open_store(tmp_path / "ws")
    assert [record.type for record in store.log.read(types=("repair.opened",))] == ["repair.opened"]
    store.close()


def test_after_a_stop_it_looks_and_records_nothing(tmp_path: Path) -> None:
    init_workspace(tmp_path / "ws", demo())
    (tmp_path / "ws" / "outbox").mkdir(exist_ok=True)
    (tmp_path / "ws" / "outbox" / "odd.eml").write_bytes(b"Subject: Odd\r\n\r\nHello\r\n")
    store = open_store(tmp_path / "ws")
    store.stop("a test")
    with dg.DagsterInstance.ephemeral() as instance:
        assert look(tmp_path / "ws", instance).success
    assert list(store.log.read(types=("drift.detected",))) == []
    store.close()
