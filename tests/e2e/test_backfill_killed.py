"""A backfill from Dagster's page whose run is killed in the middle of a day: executed again, the run or the backfill,
it goes on with that day; what was done is not done again, nothing is lost, and the log is untouched."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from agentos.events.verify import verify
from agentos.platform import open_store
from tests.e2e.served import Served, events, eventually, start

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("history")]
DAYS = [f"2026-11-{day}" for day in range(16, 21)]
IN_THE_MIDDLE = "2026-11-19"
WORK = "                report = asyncio.run("
HOLD = f"""                import time
                while day.isoformat() == "{IN_THE_MIDDLE}" and (replays.parent / "hold").exists():
                    time.sleep(0.01)
{WORK}"""
STRICT = "strict.toml"
LAUNCH = """mutation($p: LaunchBackfillParams!) {launchPartitionBackfill(backfillParams: $p)
  {__typename ... on LaunchBackfillSuccess {backfillId} ... on PythonError {message}}}"""
RE_EXECUTE_RUN = """mutation($p: ReexecutionParams!) {launchRunReexecution(reexecutionParams: $p)
  {__typename ... on LaunchRunSuccess {run {runId}} ... on PythonError {message}}}"""
RE_EXECUTE = """mutation($p: ReexecutionParams!) {reexecutePartitionBackfill(reexecutionParams: $p)
  {__typename ... on LaunchBackfillSuccess {backfillId} ... on PythonError {message}}}"""
BACKFILL = "query($id: String!) {partitionBackfillOrError(backfillId: $id) {... on PartitionBackfill {status}}}"
RUNS = """query($tag: String!) {runsOrError(filter: {tags: [{key: "dagster/backfill", value: $tag}]})
  {... on Runs {results {runId status}}}}"""
SAID = """query($id: ID!) {logsForRun(runId: $id) {... on EventConnection {events {... on EngineEvent {message}}}}}"""
MADE = """query($name: String!) {assetNodeOrError(assetKey: {path: [$name]}) {... on AssetNode
  {assetPartitionStatuses {... on TimePartitionStatuses {ranges {status startKey endKey}}}}}}"""


class Kept:
    """The reports of a backfill that lie in `state/replays/`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def reports(self) -> dict[str, tuple[int, str]]:
        """Day -> (when it was written, what it says)."""
        return {path.stem: (path.stat().st_mtime_ns, path.read_text()) for path in self.folder.glob("2*.json")}


class Page:
    def __init__(self, up: Served) -> None:
        self.up = up

    def launch(self, asset: str, **config: Any) -> str:
        params = {"assetSelection": [{"path": [asset]}], "partitionNames": DAYS, "tags": [], "runConfigData": config}
        launched = self.up.ask(LAUNCH, p=params)["launchPartitionBackfill"]
        assert launched["__typename"] == "LaunchBackfillSuccess", launched
        return str(launched["backfillId"])

    def runs(self, backfill: str) -> dict[str, str]:
        return {run["runId"]: run["status"] for run in self.up.ask(RUNS, tag=backfill)["runsOrError"]["results"]}

    def process(self, run: str) -> psutil.Process:
        said = " ".join(str(event.get("message")) for event in self.up.ask(SAID, id=run)["logsForRun"]["events"])
        found = re.search(r"Started process for run \(pid: (\d+)\)", said)
        assert found is not None, said
        return psutil.Process(int(found[1]))

    def ends(self, backfill: str, status: str) -> None:
        eventually(lambda: self.status(backfill) == status, within=180)

    def status(self, backfill: str) -> str:
        return str(self.up.ask(BACKFILL, id=backfill)["partitionBackfillOrError"]["status"])

    def kept(self, backfill: str) -> Kept:
        (folder,) = (self.up.workspace / "state" / "replays").glob(f"*-{backfill}-*")
        return Kept(folder)

    def killed_in_the_middle(self, asset: str, **config: Any) -> tuple[str, str, dict[str, tuple[int, str]]]:
        """(backfill, run, what was kept by then)"""
        hold = self.up.workspace / "state" / "hold"
        hold.touch()
        backfill = self.launch(asset, **config)
        eventually(lambda: list(self.up.workspace.glob(f"state/replays/*-{backfill}-*/{IN_THE_MIDDLE}")), within=180)
        ((run, _),) = self.runs(backfill).items()
        self.process(run).kill()
        eventually(lambda: self.runs(backfill)[run] == "FAILURE")
        hold.unlink()
        kept = self.kept(backfill).reports()
        assert set(kept) == {day for day in DAYS if day < IN_THE_MIDDLE}
        self.ends(backfill, "COMPLETED_FAILED")
        (self.kept(backfill).folder / IN_THE_MIDDLE / "half done").touch()
        return backfill, run, kept

    def whole(self, asset: str, backfill: str, kept: dict[str, tuple[int, str]]) -> dict[str, str]:
        """Every day is done and seen; what was done before the kill was not done again. Returns what each day says."""
        now = self.kept(backfill)
        reports = now.reports()
        assert set(reports) == set(DAYS)
        assert kept.items() <= reports.items()
        assert not (now.folder / IN_THE_MIDDLE / "half done").exists()
        ranges = self.up.ask(MADE, name=asset)["assetNodeOrError"]["assetPartitionStatuses"]["ranges"]
        seen = [one for one in ranges if one["startKey"] <= DAYS[0] and DAYS[-1] <= one["endKey"]]
        assert [one["status"] for one in seen] == ["MATERIALIZED"], ranges
        return {day: said for day, (_, said) in reports.items()}


@pytest.fixture(scope="module")
def page(history: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    def with_history(workspace: Path) -> None:
        shutil.rmtree(workspace)
        shutil.copytree(history, workspace)
        policy = (workspace / "policy.toml").read_text()
        (workspace / STRICT).write_text(policy.replace('autonomy = "allow"', 'autonomy = "ask"'))
        days = workspace.parent / "program" / "agentos_assets" / "backfills" / "days.py"
        assert WORK in days.read_text()
        days.write_text(days.read_text().replace(WORK, HOLD))

    served = start(tmp_path_factory.mktemp("killed"), with_history)
    try:
        yield Page(served)
    finally:
        served.end()


def test_days_replayed_go_on_when_the_killed_run_is_executed_again(page: Page) -> None:
    before = events(page.up.workspace)
    backfill, run, kept = page.killed_in_the_middle("replayed_days")
    again = {"parentRunId": run, "strategy": "FROM_FAILURE"}
    launched = page.up.ask(RE_EXECUTE_RUN, p=again)["launchRunReexecution"]
    assert launched["__typename"] == "LaunchRunSuccess", launched
    status = "query($id: ID!) {runOrError(runId: $id) {... on Run {status}}}"
    eventually(
        lambda: page.up.ask(status, id=launched["run"]["runId"])["runOrError"]["status"] == "SUCCESS", within=120
    )
    said = page.whole("replayed_days", backfill, kept)
    assert said == undisturbed(page, "replayed_days")
    untouched(page.up.workspace, before)


def test_a_what_if_goes_on_when_the_backfill_is_executed_again(page: Page) -> None:
    before = events(page.up.workspace)
    config = {"ops": {"what_if": {"config": {"policy": STRICT}}}}
    backfill, _, kept = page.killed_in_the_middle("what_if", **config)
    again = {"parentRunId": backfill, "strategy": "FROM_FAILURE"}
    launched = page.up.ask(RE_EXECUTE, p=again)["reexecutePartitionBackfill"]
    assert launched["__typename"] == "LaunchBackfillSuccess", launched
    page.ends(launched["backfillId"], "COMPLETED_SUCCESS")
    said = page.whole("what_if", backfill, kept)
    assert said == undisturbed(page, "what_if", **config)
    untouched(page.up.workspace, before)


def undisturbed(page: Page, asset: str, **config: Any) -> dict[str, str]:
    """What a backfill that nobody kills says of the same days."""
    backfill = page.launch(asset, **config)
    page.ends(backfill, "COMPLETED_SUCCESS")
    return {day: said for day, (_, said) in page.kept(backfill).reports().items()}


def untouched(workspace: Path, before: list[tuple[str, str, str]]) -> None:
    """The simulated tasks may go on meanwhile; a replay writes nothing, and least of all does anything outside."""
    after = events(workspace)
    assert after[: len(before)] == before
    assert [type for _, type, _ in after[len(before) :] if type.startswith(("effect.", "approval.granted"))] == []
    store = open_store(workspace)
    assert verify(store.log, store.blobs).ok
    store.close()
