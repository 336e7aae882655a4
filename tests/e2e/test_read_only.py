"""The page served beyond loopback, where others reach it: every mutation that there is, and every address that takes an
event, is tried from outside. Each is refused, and neither the log nor Dagster's store has changed."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import dagster as dg
import httpx
import pytest
from dagster._core.execution.backfill import BulkActionStatus, PartitionBackfill

from agentos.platform import open_store
from tests.e2e.served import JOB, LAUNCH, Served, eventually, start, submit, until

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("up")]
OPEN = "LOCALHOST"
"""Counts as open, as every name does but localhost; and yet nobody else reaches this test."""
REPOSITORY = {"repositoryLocationName": "agentos", "repositoryName": "__repository__"}
SENSOR = REPOSITORY | {"sensorName": "ready_tasks"}
SCHEDULE = REPOSITORY | {"scheduleName": "reconciliation"}
STOLEN, BACKFILL = "stolen", "backfill-of-hers"
HARMLESS = {"logTelemetry", "setNuxSeen"}
"""Whoever reads the page sends these: telemetry is off, and a dialog that was seen is nobody's secret."""
FAILED = "{... on TerminateRunFailure {message}}"
TOLD = {
    "terminateRun": FAILED, "terminatePipelineExecution": FAILED,
    "terminateRuns": f"{{... on TerminateRunsResult {{terminateRunResults {FAILED}}}}}",
    "launchMultipleRuns": "{... on LaunchMultipleRunsResult {launchMultipleRunsResult {__typename}}}",
}  # fmt: skip
"""Where the refusal stands, if it is not the answer itself."""
FIELDS = "{__schema {mutationType {fields {name type {kind ofType {kind}} args {name type {kind name ofType {kind name "
FIELDS += "ofType {kind ofType {kind name}}}}}}}}}"
SEEN = """{runsOrError {... on Runs {results {runId status tags {key value}}}}
  sensorsOrError(repositorySelector: $r) {... on Sensors {results {name sensorState {id status}}}}
  schedulesOrError(repositorySelector: $r) {... on Schedules {results {name scheduleState {id status}}}}
  partitionBackfillsOrError {... on PartitionBackfills {results {id status}}}
  assetNodes {assetKey {path} partitionKeys}
  instance {concurrencyLimits {concurrencyKey}}}"""


class Stranger:
    """Somebody in the same network."""

    def __init__(self, up: Served) -> None:
        self.up = up
        self.task = submit(up.desk, "May")
        until(up.desk, self.task, "parked")
        eventually(lambda: set(up.statuses().values()) == {"SUCCESS"}, within=120)
        self.run = next(iter(up.statuses()))
        with dg.DagsterInstance.from_config(str(up.workspace / "state" / "dagster")) as instance:
            hers = PartitionBackfill(
                BACKFILL, BulkActionStatus.COMPLETED_FAILED, from_failure=False, tags={}, backfill_timestamp=0.0
            )
            instance.add_backfill(hers)

    def tries(self, field: dict[str, Any]) -> str:
        """What the page answers."""
        given = self.arguments[field["name"]]
        types = {one["name"]: _written(one["type"]) for one in field["args"]}
        head = ", ".join(f"${name}: {types[name]}" for name in given)
        what = ", ".join(f"{name}: ${name}" for name in given)
        said = "" if field["type"]["ofType"]["kind"] == "SCALAR" else TOLD.get(field["name"], "{__typename}")
        query = f"mutation{f'({head})' if head else ''} {{{field['name']}{f'({what})' if what else ''} {said}}}"
        return self.posts("/graphql", {"query": query, "variables": given}).text

    def posts(self, path: str, body: dict[str, Any]) -> httpx.Response:
        return httpx.post(f"{self.up.address}{path}", json=body, timeout=60)

    def seen(self) -> Any:
        found = self.up.ask("query($r: RepositorySelector!) " + SEEN, r=REPOSITORY)
        sensors = found["sensorsOrError"]["results"]
        return found | {"sensors": {one["name"]: one["sensorState"]["status"] for one in sensors}}

    def state_of(self, kind: str, name: str) -> str:
        rows = self.seen()[f"{kind}sOrError"]["results"]
        return str(next(one[f"{kind}State"]["id"] for one in rows if one["name"] == name))

    @cached_property
    def arguments(self) -> dict[str, dict[str, Any]]:
        """For every mutation: things that are there, so that it is the page's refusal that is told."""
        execution = {"selector": JOB, "runConfigData": {}, "executionMetadata": {"tags": [_tag(STOLEN)]}}
        again = {"parentRunId": self.run, "strategy": "ALL_STEPS"}
        asset = {"assetSelection": [{"path": ["history"]}], "partitionNames": ["2026-11-20"], "tags": [_tag(STOLEN)]}
        event = {"eventType": "ASSET_MATERIALIZATION", "assetKey": {"path": ["event_log"]}, "description": STOLEN}
        check = {"assetKey": {"path": ["tasks"]}, "checkName": STOLEN, "passed": True}
        partition = {"repositorySelector": REPOSITORY, "partitionsDefName": "tasks"}
        run, location = {"runId": self.run}, {"repositoryLocationName": "agentos"}
        component = {"locationName": "agentos", "componentId": STOLEN}
        return {
            "launchPipelineExecution": {"executionParams": execution}, "launchRun": {"executionParams": execution},
            "launchMultipleRuns": {"executionParamsList": [execution]},
            "launchPipelineReexecution": {"reexecutionParams": again},
            "launchRunReexecution": {"reexecutionParams": again},
            "startSchedule": {"scheduleSelector": SCHEDULE}, "resetSchedule": {"scheduleSelector": SCHEDULE},
            "stopRunningSchedule": {"id": self.state_of("schedule", "reconciliation")},
            "startSensor": {"sensorSelector": SENSOR}, "resetSensor": {"sensorSelector": SENSOR},
            "setSensorCursor": {"sensorSelector": SENSOR, "cursor": STOLEN},
            "stopSensor": {"id": self.state_of("sensor", "ready_tasks")},
            "sensorDryRun": {"selectorData": SENSOR, "cursor": ""},
            "scheduleDryRun": {"selectorData": SCHEDULE, "timestamp": 0.0},
            "terminatePipelineExecution": run, "terminateRun": run, "terminateRuns": {"runIds": [self.run]},
            "deletePipelineRun": run, "deleteRun": run,
            "reloadRepositoryLocation": location, "shutdownRepositoryLocation": location, "reloadWorkspace": {},
            "wipeAssets": {"assetPartitionRanges": [{"assetKey": {"path": ["task"]}}]},
            "reportRunlessAssetEvents": {"eventParams": event}, "reportAssetCheckEvaluations": {"eventParams": check},
            "launchPartitionBackfill": {"backfillParams": asset},
            "resumePartitionBackfill": {"backfillId": BACKFILL}, "cancelPartitionBackfill": {"backfillId": BACKFILL},
            "reexecutePartitionBackfill": {"reexecutionParams": again | {"parentRunId": BACKFILL}},
            "addDynamicPartition": partition | {"partitionKey": STOLEN},
            "deleteDynamicPartitions": partition | {"partitionKeys": [self.task]},
            "setAppManagedComponent": component | {"attributes": "{}", "componentType": STOLEN},
            "deleteAppManagedComponent": component,
            "refreshComponentState": {"locationName": "agentos", "defsStateKey": STOLEN},
            "setAutoMaterializePaused": {"paused": True}, "setConcurrencyLimit": {"concurrencyKey": STOLEN, "limit": 1},
            "deleteConcurrencyLimit": {"concurrencyKey": STOLEN},
            "freeConcurrencySlotsForRun": run, "freeConcurrencySlots": run,
        }  # fmt: skip


def _tag(value: str) -> dict[str, str]:
    return {"key": value, "value": value}


def _written(type: dict[str, Any]) -> str:
    """A type as GraphQL writes it."""
    if type["kind"] == "NON_NULL":
        return f"{_written(type['ofType'])}!"
    return f"[{_written(type['ofType'])}]" if type["kind"] == "LIST" else str(type["name"])


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stranger]:
    served = start(tmp_path_factory.mktemp("open"), host=OPEN)
    try:
        yield Stranger(served)
    finally:
        served.end()


def test_it_says_so(stranger: Stranger) -> None:
    assert "Read-only: the page has no login, and others can reach it." in stranger.up.printed.read_text()


def test_every_mutation_is_refused_and_nothing_has_changed(stranger: Stranger) -> None:
    before, log = stranger.seen(), events(stranger.up.workspace)
    fields = {one["name"]: one for one in stranger.up.ask(FIELDS)["__schema"]["mutationType"]["fields"]}
    answers = {name: stranger.tries(field) for name, field in fields.items() if name not in HARMLESS}
    let_through = {name: said for name, said in answers.items() if not refused(said)}
    assert let_through == {}
    assert len(answers) > 35
    unchanged(stranger, before, log)


def refused(said: str) -> bool:
    return "UnauthorizedError" in said or "You do not have permission" in said


@pytest.mark.parametrize("what", ["materialization", "observation", "check"])
def test_no_address_takes_an_event(stranger: Stranger, what: str) -> None:
    before, log = stranger.seen(), events(stranger.up.workspace)
    body = {"asset_key": ["event_log"], "check_name": STOLEN, "passed": True, "data_version": "1"}
    answer = stranger.posts(f"/report_asset_{what}/event_log", body)
    assert answer.status_code == 401, answer.text
    unchanged(stranger, before, log)


def test_a_launch_that_is_asked_for_by_an_address_alone_is_refused(stranger: Stranger) -> None:
    """As a link in a mail would ask for it."""
    query = LAUNCH.replace("$p: ExecutionParams!", "").replace("()", "").replace(
        "$p", "{selector: {repositoryLocationName: \"agentos\", repositoryName: \"__repository__\", "
        "jobName: \"advance_tasks\"}}"
    )  # fmt: skip
    before = stranger.up.statuses()
    answer = httpx.get(f"{stranger.up.address}/graphql", params={"query": query}, timeout=60)
    assert "LaunchRunSuccess" not in answer.text
    assert stranger.up.statuses() == before


def unchanged(stranger: Stranger, before: Any, log: list[tuple[str, str]]) -> None:
    """Sensors and schedules go on by themselves; nothing that was there is gone or altered, nothing came of a try."""
    now = stranger.seen()
    for kind in ("sensors", "schedulesOrError", "partitionBackfillsOrError", "instance"):
        assert now[kind] == before[kind]
    runs, then = ({one["runId"]: one for one in seen["runsOrError"]["results"]} for seen in (now, before))
    assert runs.items() >= {id: one for id, one in then.items() if one["status"] == "SUCCESS"}.items()
    assert STOLEN not in str(now)
    assert all(_asked_for_by_us(one) for one in runs.values()), runs
    assert events(stranger.up.workspace)[: len(log)] == log
    begun = [type for _, type in events(stranger.up.workspace)[len(log) :]]
    assert not [type for type in begun if type.startswith(("effect.", "approval.", "task."))]
    assert stranger.up.desk.load(stranger.task).status == "parked"
    shown = {tuple(one["assetKey"]["path"]): one["partitionKeys"] for one in now["assetNodes"]}
    assert len(shown["task",]) == 1


def _asked_for_by_us(run: dict[str, Any]) -> bool:
    tags = {tag["key"] for tag in run["tags"]}
    return bool(tags & {"agentos/because", "dagster/sensor_name", "dagster/schedule_name", "dagster/auto_materialize"})


def events(workspace: Path) -> list[tuple[str, str]]:
    store = open_store(workspace)
    try:
        return [(record.hash.hex(), record.type) for record in store.log.read()]
    finally:
        store.close()
