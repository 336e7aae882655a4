"""Every button of Dagster's page is pressed on a served workspace with a history: none of them causes an effect that
policy would not allow, loses an event, or takes an approval. The page presses by these same GraphQL mutations."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from agentos.events.verify import verify
from agentos.invariants.check import check
from agentos.platform import open_store
from tests.e2e.served import Served, events, eventually, start, submit, until

pytestmark = pytest.mark.xdist_group("history")
REPOSITORY = {"repositoryLocationName": "agentos", "repositoryName": "__repository__"}
ALL = "__ASSET_JOB"
DAYS = ["2026-11-17", "2026-11-18", "2026-11-19"]
SAID = "__typename ... on PythonError {message} ... on UnauthorizedError {message}"
Press = Callable[["Page"], str]


class Page:
    """Presses the page's buttons; each answers with the name of what came of it."""

    def __init__(self, up: Served) -> None:
        self.up = up
        self.task = submit(up.desk, "May")
        (card,) = until(up.desk, self.task, "parked").open_cards()
        self.card = card.id
        settled(up.workspace)
        self.runs: list[str] = []

    def press(self, mutation: str, declared: str = "", more: str = "", **variables: Any) -> Any:
        head = f"mutation({declared})" if declared else "mutation"
        (answer,) = self.up.ask(f"{head} {{{mutation} {{{SAID} {more}}}}}", **variables).values()
        assert answer["__typename"] != "PythonError", answer
        return answer

    def launch(self, job: str, assets: list[str] | None = None, day: str | None = None, **config: Any) -> str:
        selector: dict[str, Any] = REPOSITORY | {"pipelineName": job}
        if assets is not None:
            selector |= {"assetSelection": [{"path": [asset]} for asset in assets], "assetCheckSelection": None}
        tags = [{"key": "dagster/partition", "value": day}] if day else []
        params = {"selector": selector, "mode": "default", "runConfigData": config, "executionMetadata": {"tags": tags}}
        answer = self.press(
            "launchPipelineExecution(executionParams: $p)", "$p: ExecutionParams!",
            "... on LaunchRunSuccess {run {runId}}", p=params,
        )  # fmt: skip
        self.runs.append(answer["run"]["runId"])
        return str(answer["__typename"])

    def status(self, run: str) -> str:
        query = "query($id: ID!) {runOrError(runId: $id) {__typename ... on Run {status}}}"
        found = self.up.ask(query, id=run)["runOrError"]
        return str(found.get("status", found["__typename"]))

    def ends(self, *statuses: str) -> None:
        """The run that was begun last comes to one of these."""
        eventually(lambda: self.status(self.runs[-1]) in statuses, within=180)


def materialise(page: Page) -> str:
    said = page.launch(ALL, ["tasks", "receivables"])
    page.ends("SUCCESS")
    return said


def materialise_days(page: Page) -> str:
    said = page.launch(ALL, ["replayed_days"], DAYS[0])
    page.ends("SUCCESS")
    return said


def launch(page: Page) -> str:
    """With the parked task named: naming it is no approval."""
    said = page.launch("advance_tasks", ops={"advance": {"config": {"tasks": [page.task], "linger_seconds": 0.0}}})
    page.ends("SUCCESS")
    return said


def launch_reconciliation(page: Page) -> str:
    said = page.launch("reconcile_outside")
    page.ends("SUCCESS", "FAILURE")
    return said


def re_execute(page: Page) -> str:
    page.launch("advance_tasks", ops={"advance": {"config": {"linger_seconds": 0.0}}})
    page.ends("SUCCESS")
    again = {"parentRunId": page.runs[-1], "strategy": "ALL_STEPS"}
    answer = page.press(
        "launchPipelineReexecution(reexecutionParams: $p)", "$p: ReexecutionParams!",
        "... on LaunchRunSuccess {run {runId}}", p=again,
    )  # fmt: skip
    page.runs.append(answer["run"]["runId"])
    page.ends("SUCCESS")
    return str(answer["__typename"])


def terminate(page: Page) -> str:
    page.launch("advance_tasks", ops={"advance": {"config": {"linger_seconds": 600.0}}})
    page.ends("STARTED")
    said = page.press("terminateRun(runId: $id)", "$id: String!", id=page.runs[-1])
    page.ends("CANCELED")
    return str(said["__typename"])


def delete_run(page: Page) -> str:
    return str(page.press("deletePipelineRun(runId: $id)", "$id: String!", id=page.runs[-1])["__typename"])


def wipe(page: Page) -> str:
    ranges = [{"assetKey": {"path": [name]}} for name in ("tasks", "invoices", "history", "task")]
    wiped = page.press("wipeAssets(assetPartitionRanges: $r)", "$r: [PartitionsByAssetSelector!]!", r=ranges)
    return str(wiped["__typename"])


def report(page: Page) -> str:
    """Somebody says by hand that the log was materialised."""
    event = {"eventType": "ASSET_MATERIALIZATION", "assetKey": {"path": ["event_log"]}, "description": "by hand"}
    said = page.press("reportRunlessAssetEvents(eventParams: $e)", "$e: ReportRunlessAssetEventsParams!", e=event)
    return str(said["__typename"])


def forget_partition(page: Page) -> str:
    names = page.up.ask('{assetNodeOrError(assetKey: {path: ["task"]}) {... on AssetNode {partitionKeys}}}')[
        "assetNodeOrError"
    ]["partitionKeys"]
    what = 'repositorySelector: $r, partitionsDefName: "tasks", partitionKeys: $k'
    declared = "$r: RepositorySelector!, $k: [String!]!"
    said = page.press(f"deleteDynamicPartitions({what})", declared, r=REPOSITORY, k=names[-2:])
    return str(said["__typename"])


def reset_cursor(page: Page) -> str:
    """To nothing, and to nonsense: it looks at everything again, and finds what is done done."""
    said = ""
    for sensor in ("ready_tasks", "shown_tasks", "log_growth"):
        for cursor in (None, "nonsense"):
            selector = REPOSITORY | {"sensorName": sensor}
            said = page.press(
                "setSensorCursor(sensorSelector: $s, cursor: $c)",
                "$s: SensorSelector!, $c: String",
                s=selector,
                c=cursor,
            )["__typename"]
    return said


def try_sensor(page: Page) -> str:
    selector = REPOSITORY | {"sensorName": "ready_tasks"}
    return str(
        page.press("sensorDryRun(selectorData: $s, cursor: $c)", "$s: SensorSelector!, $c: String", s=selector, c="")[
            "__typename"
        ]
    )


def switch_sensor(page: Page) -> str:
    query = "query($s: SensorSelector!) {sensorOrError(sensorSelector: $s) {... on Sensor {id}}}"
    selector = REPOSITORY | {"sensorName": "ready_tasks"}
    sensor = page.up.ask(query, s=selector)["sensorOrError"]["id"]
    page.press("stopSensor(id: $id)", "$id: String!", id=sensor)
    return str(page.press("startSensor(sensorSelector: $s)", "$s: SensorSelector!", s=selector)["__typename"])


def switch_schedule(page: Page) -> str:
    query = "query($s: ScheduleSelector!) {scheduleOrError(scheduleSelector: $s) {... on Schedule {id}}}"
    selector = REPOSITORY | {"scheduleName": "reconciliation"}
    schedule = page.up.ask(query, s=selector)["scheduleOrError"]["id"]
    page.press("stopRunningSchedule(id: $id)", "$id: String!", id=schedule)
    return str(page.press("startSchedule(scheduleSelector: $s)", "$s: ScheduleSelector!", s=selector)["__typename"])


def backfill(page: Page) -> str:
    return _backfill(page, "history")[0]


def cancel_backfill(page: Page) -> str:
    _, backfill = _backfill(page, "what_if")
    return str(page.press("cancelPartitionBackfill(backfillId: $id)", "$id: String!", id=backfill)["__typename"])


def _backfill(page: Page, asset: str) -> tuple[str, str]:
    params = {"assetSelection": [{"path": [asset]}], "partitionNames": DAYS, "tags": []}
    said = page.press(
        "launchPartitionBackfill(backfillParams: $p)", "$p: LaunchBackfillParams!",
        "... on LaunchBackfillSuccess {backfillId}", p=params,
    )  # fmt: skip
    return said["__typename"], said["backfillId"]


def reload(page: Page) -> str:
    """Ends the code server; the supervisor starts it again."""
    return str(page.press('reloadRepositoryLocation(repositoryLocationName: "agentos")')["__typename"])


BUTTONS: list[tuple[Press, set[str]]] = [
    (materialise, {"LaunchRunSuccess"}),
    (materialise_days, {"LaunchRunSuccess"}),
    (launch, {"LaunchRunSuccess"}),
    (launch_reconciliation, {"LaunchRunSuccess"}),
    (re_execute, {"LaunchRunSuccess"}),
    (terminate, {"TerminateRunSuccess"}),
    (delete_run, {"DeletePipelineRunSuccess"}),
    (wipe, {"AssetWipeSuccess"}),
    (report, {"ReportRunlessAssetEventsSuccess"}),
    (forget_partition, {"DeleteDynamicPartitionsSuccess"}),
    (reset_cursor, {"Sensor"}),
    (try_sensor, {"DryRunInstigationTick"}),
    (switch_sensor, {"Sensor"}),
    (switch_schedule, {"ScheduleStateResult"}),
    (backfill, {"LaunchBackfillSuccess"}),
    (cancel_backfill, {"CancelBackfillSuccess"}),
    (reload, {"WorkspaceLocationEntry"}),
]


@pytest.fixture(scope="module")
def page(history: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    def with_history(workspace: Path) -> None:
        shutil.rmtree(workspace)
        shutil.copytree(history, workspace)

    served = start(tmp_path_factory.mktemp("buttons"), with_history)
    try:
        yield Page(served)
    finally:
        served.end()


@pytest.mark.parametrize(("button", "expected"), BUTTONS, ids=[button.__name__ for button, _ in BUTTONS])
def test_no_button_does_more_than_it_may(page: Page, button: Press, expected: set[str]) -> None:
    before = events(page.up.workspace)
    assert button(page) in expected
    after = events(page.up.workspace)
    assert after[: len(before)] == before, "an event was lost or changed"
    begun = [type for _, type, stream in after[len(before) :] if type.startswith(("effect.", "approval.granted"))]
    assert begun == [], "a button did something outside, or approved"


def test_after_all_of_them_the_log_holds_the_card_waits_and_its_approval_counts(page: Page) -> None:
    store = open_store(page.up.workspace)
    assert verify(store.log, store.blobs).ok
    assert not list(check(store).violations)
    store.close()
    desk = page.up.desk
    assert desk.load(page.task).cards[page.card].status == "open"
    desk.approve(page.card)
    state = until(desk, page.task, "completed", within=120)
    assert len([one for one in state.effects.values() if one.status == "done"]) == 3


def settled(workspace: Path) -> None:
    """What was granted in the history and still held has gone out by now."""
    before: list[Any] = []
    for _ in range(60):
        now = events(workspace)
        if now == before:
            return
        before = now
        time.sleep(3)
