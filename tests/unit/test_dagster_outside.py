"""Reconciliation as checks: what differs from the log fails a check, once, and says what was done about it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dagster as dg

from agentos.ids import short
from agentos.platform import open_store
from agentos_assets.checks.outside import OUTSIDE
from agentos_assets.definitions import defs
from agentos_assets.links import to_task
from tests.fakes.business import secrets_in


def results(run: dg.ExecuteInProcessResult) -> dict[str, dg.AssetCheckEvaluation]:
    found = run.get_asset_check_evaluations()
    return {f"{one.asset_key.to_user_string()}.{one.check_name}": one for one in found}


def text(evaluation: dg.AssetCheckEvaluation) -> dict[str, Any]:
    return {name: value.value for name, value in evaluation.metadata.items()}


def assert_no_secrets(instance: dg.DagsterInstance, run_id: str) -> None:
    assert secrets_in("".join(repr(entry) for entry in instance.all_logs(run_id))) == []


def outside(instance: dg.DagsterInstance) -> dict[str, dg.AssetCheckEvaluation]:
    job = defs().get_repository_def().get_job("reconcile_outside")
    return results(job.execute_in_process(instance=instance, raise_on_error=False))


def test_outside_and_log_agree(invoiced: Path, instance: dg.DagsterInstance) -> None:
    found = outside(instance)
    assert {name: one.passed for name, one in found.items()} == {f"{one.asset}.{one.name}": True for one in OUTSIDE}
    assert found["invoices.documents"].description == "1 thing(s) outside are as the log says."


def test_a_document_that_is_gone_fails_its_check_and_what_was_done_about_it_stands_there(
    invoiced: Path, instance: dg.DagsterInstance
) -> None:
    (document,) = (invoiced / "books" / "invoices").glob("*.pdf")
    issued = document.read_bytes()
    document.unlink()
    first = outside(instance)
    assert {name for name, one in first.items() if not one.passed} == {"invoices.documents"}
    store = open_store(invoiced)
    (opened,) = store.log.read(types=("repair.opened",))
    shown, said, task = (
        text(first["invoices.documents"]),
        str(first["invoices.documents"].description),
        opened.data["task"],
    )
    assert "1 difference(s) from the log, 1 of them new." in said
    assert "what was done was changed, since 20" in said
    assert f"repair task {to_task(task)} is open (`agentos show {short(task)}`)" in said
    assert "a repair task has a card for you" in shown["what differs"]
    assert (shown["what differs"].count("| changed |"), shown["opened"]) == (1, 1)

    head = store.log.head()
    again = outside(instance)
    assert not again["invoices.documents"].passed
    assert again["numbers.sequence"].passed
    assert store.log.head() == head, "a look that finds what is known appends nothing"
    assert "1 difference(s) from the log.\n" in str(again["invoices.documents"].description), "it is not new any more"

    document.write_bytes(issued)
    passed = outside(instance)["invoices.documents"]
    assert passed.passed
    assert str(passed.description).startswith("1 thing(s) outside are as the log says.\n\nEarlier:\n\n- `")
    assert "what was done was changed, found 20" in str(passed.description)
    assert "gone by itself at 20" in str(passed.description)
    store.close()
    for looked in instance.get_runs():
        assert_no_secrets(instance, looked.run_id)
