"""The Dagster shell on a real workspace: the job, the sensor, the asset `task`. Nothing of it is faked."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from agentos.events.types import TaskPlanned
from agentos.ids import short
from agentos.platform import open_store
from agentos.tasks.answers import Desk
from agentos.workspace.answers import demo
from agentos.workspace.init import init_workspace
from agentos_assets import showing
from agentos_assets.definitions import defs
from agentos_assets.resources import PlatformResource
from agentos_assets.sensors import ready_tasks, shown_tasks
from agentos_assets.task_asset import TASK, TASKS, partition_of

TEXT = "Invoice Acme Studio 1,200 EUR for the March workshop"
SECRETS = ("acme", "Acme", "1,200", "1200.00", "1428.00", "workshop")
"""Whom it is for, what and how much: none of it may lie in Dagster's own storage."""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    init_workspace(tmp_path / "ws", demo())
    return tmp_path / "ws"


@pytest.fixture
def desk(root: Path) -> Iterator[Desk]:
    store = open_store(root)
    yield Desk(store)
    store.close()


def advance(root: Path, instance: dg.DagsterInstance, *tasks: str) -> dg.ExecuteInProcessResult:
    return (
        defs()
        .resolve_job_def("advance_tasks")
        .execute_in_process(
            instance=instance,
            resources={"platform": PlatformResource(workspace=str(root))},
            run_config={"ops": {"advance": {"config": {"tasks": list(tasks), "linger_seconds": 0.0}}}},
            raise_on_error=False,
        )
    )


def materialisations(instance: dg.DagsterInstance) -> list[dg.AssetMaterialization]:
    found = instance.fetch_materializations(TASK.key, limit=20).records
    return [record.asset_materialization for record in reversed(found) if record.asset_materialization]


def text_of(one: dg.AssetMaterialization) -> dict[str, str]:
    return {name: str(value.value) for name, value in one.metadata.items()}


def sense(root: Path, cursor: str | None) -> dg.SensorResult | dg.SkipReason:
    resources = {"platform": PlatformResource(workspace=str(root))}
    result = ready_tasks(dg.build_sensor_context(cursor=cursor, resources=resources))
    assert isinstance(result, dg.SensorResult | dg.SkipReason)
    return result


def test_from_intent_to_approval_to_the_end(root: Path, desk: Desk, instance: dg.DagsterInstance) -> None:
    task = desk.submit(TEXT)
    first = sense(root, None)
    assert isinstance(first, dg.SensorResult)
    assert first.run_requests is not None
    (request,) = first.run_requests
    assert request.tags == {"agentos/trigger": "terminal", "agentos/because": "new", "agentos/task": short(task)}
    assert request.run_config == {"ops": {"advance": {"config": {"tasks": [task]}}}}
    assert advance(root, instance).success

    waiting = sense(root, first.cursor)
    assert isinstance(waiting, dg.SensorResult)
    assert not waiting.run_requests
    (card,) = desk.load(task).open_cards()
    desk.approve(card.id)

    approved = sense(root, waiting.cursor)
    assert isinstance(approved, dg.SensorResult)
    assert approved.run_requests is not None
    assert approved.run_requests[0].tags["agentos/because"] == "approved"
    assert approved.run_requests[0].run_key != request.run_key
    assert advance(root, instance, task).success
    assert desk.load(task).status == "completed"

    key = partition_of(task)
    assert instance.get_dynamic_partitions(str(TASKS.name)) == [key]
    parked, completed = materialisations(instance)
    assert parked.partition == completed.partition == key
    assert key.endswith(short(task))
    assert_parked(text_of(parked), short(card.id))
    assert_completed(text_of(completed), task)
    assert_no_secrets(instance)


def assert_parked(shown: dict[str, str], card: str) -> None:
    assert shown["status"] == "parked"
    assert shown["goal"].startswith("send-invoice")
    assert shown["why parked"] == f"- it waits for your approval: card `{card}` is open"
    assert f"`agentos approve {card}`" in shown["waiting for you"]
    assert "| invoice | finance | completed |" in shown["steps"]
    assert "| deliver | coordinator | waits for you |" in shown["steps"]
    assert "effects" not in shown


def assert_completed(shown: dict[str, str], task: str) -> None:
    assert shown["status"] == "completed"
    assert "why parked" not in shown
    assert "| invoice | issue | done | `2026-" in shown["effects"]
    assert "| mail | send | done | `" in shown["effects"]
    assert shown["cost"].startswith("models 0, 1 card(s), ")
    assert shown["task"] == f"`{task}`"


def assert_no_secrets(instance: dg.DagsterInstance) -> None:
    for run in instance.get_runs():
        stored = repr(run) + "".join(repr(entry) for entry in instance.all_logs(run.run_id))
        assert [word for word in SECRETS if word in stored] == []


def test_a_question_shows_the_command_that_answers_it(root: Path, desk: Desk, instance: dg.DagsterInstance) -> None:
    task = desk.submit("Invoice Acme Studio for the March workshop")
    assert advance(root, instance).success
    (card,) = desk.load(task).open_cards()
    shown = text_of(materialisations(instance)[0])
    assert f"`agentos answer {short(card.id)} TEXT`" in shown["waiting for you"]
    assert shown["goal"].startswith("not planned yet")


def test_a_stopped_platform_is_a_successful_run_that_says_so(
    root: Path, desk: Desk, instance: dg.DagsterInstance
) -> None:
    task = desk.submit(TEXT)
    desk.stop("a look first")
    result = advance(root, instance)
    said = [entry.user_message for entry in instance.all_logs(result.run_id)]
    assert result.success
    assert any("stopped: a look first" in text and "agentos start" in text for text in said)
    assert desk.load(task).status == "open"
    skipped = sense(root, None)
    assert isinstance(skipped, dg.SkipReason)
    assert "a look first" in str(skipped.skip_message)


def test_a_fault_of_the_program_fails_the_run_after_the_others_had_their_turn(
    root: Path, desk: Desk, instance: dg.DagsterInstance
) -> None:
    broken, good = desk.submit(TEXT), desk.submit(TEXT)
    strange = TaskPlanned(understanding={}, plan={"client": "Acme Studio"}, estimate={})
    desk.store.log.append(strange.on(f"task/{broken}"))
    result = advance(root, instance)
    assert not result.success
    assert desk.load(good).status == "parked"
    assert [one.partition for one in materialisations(instance)] == [partition_of(good)]
    said = " ".join(entry.user_message for entry in instance.all_logs(result.run_id))
    assert f"Task {short(broken)} met a fault of the program" in said
    assert_no_secrets(instance)


def test_a_name_that_is_no_task_is_said_and_harmless(root: Path, instance: dg.DagsterInstance) -> None:
    result = advance(root, instance, "../../nothing")
    assert result.success
    assert instance.get_dynamic_partitions(str(TASKS.name)) == []
    assert any("no task" in entry.user_message for entry in instance.all_logs(result.run_id))


def test_the_sensor_runs_by_default_and_looks_every_five_seconds() -> None:
    assert ready_tasks.default_status == dg.DefaultSensorStatus.RUNNING
    assert ready_tasks.minimum_interval_seconds == 5


def test_the_workspace_is_found_when_it_is_opened(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENTOS_WORKSPACE", str(root))
    assert PlatformResource().root == root


def test_loading_the_definitions_touches_no_graph_no_workspace_and_no_model() -> None:
    code = (
        "import sys, agentos_assets.definitions; "
        "print([m for m in ('langgraph', 'langchain_openai', 'apsw', 'polars', 'typst', 'graphs.advance', "
        "'agentos.workspace.load') if m in sys.modules])"
    )
    environ = {name: value for name, value in os.environ.items() if name != "AGENTOS_WORKSPACE"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], env=environ, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def show(root: Path, instance: dg.DagsterInstance, cursor: str | None) -> tuple[list[str], str | None]:
    """A tick of `shown_tasks` as the daemon evaluates and stores it: (partitions it showed, the next cursor)."""
    resources = {"platform": PlatformResource(workspace=str(root))}
    result = shown_tasks(dg.build_sensor_context(instance=instance, cursor=cursor, resources=resources))
    assert isinstance(result, dg.SensorResult)
    for request in result.dynamic_partitions_requests or ():
        instance.add_dynamic_partitions(request.partitions_def_name, list(request.partition_keys))
    for event in result.asset_events:
        assert isinstance(event, dg.AssetMaterialization)
        instance.report_runless_asset_event(event)
    return [str(event.partition) for event in result.asset_events], result.cursor


def test_a_task_of_the_terminal_is_shown_once_for_each_state(
    root: Path, desk: Desk, instance: dg.DagsterInstance
) -> None:
    task = desk.submit(TEXT)  # nobody has advanced it in Dagster
    told, cursor = show(root, instance, None)
    assert told == [partition_of(task)]
    assert instance.get_dynamic_partitions(str(TASKS.name)) == [partition_of(task)]
    assert show(root, instance, cursor)[0] == []
    assert show(root, instance, None)[0] == [], "a lost cursor shows nothing twice"
    desk.cancel(task, "not needed")
    told, cursor = show(root, instance, cursor)
    assert told == [partition_of(task)]
    last = materialisations(instance)[-1]
    assert last.tags is not None
    assert last.tags["agentos/status"] == "cancelled"
    assert not any(secret in text for secret in SECRETS for text in text_of(last).values())


def test_what_a_run_has_reported_is_not_shown_again(root: Path, desk: Desk, instance: dg.DagsterInstance) -> None:
    advance(root, instance, desk.submit(TEXT))
    assert show(root, instance, None)[0] == []


def test_a_long_history_is_shown_in_several_ticks(
    root: Path, desk: Desk, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(showing, "MOST_TASKS", 2)
    tasks = [desk.submit(f"Write about {n}") for n in range(5)]
    shown, cursor = [], None
    for _ in range(4):
        told, cursor = show(root, instance, cursor)
        assert len(told) <= 2
        shown += told
    assert sorted(shown) == sorted(partition_of(task) for task in tasks)
