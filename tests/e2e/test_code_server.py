"""The code server under `agentos up`, killed piece by piece: runs start again, say truly how they ended, and no task
is left. What the page's buttons do goes on working: terminate, reload, the log of a run's output."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator

import psutil
import pytest

from tests.e2e.served import Served, eventually, start, submit, until

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("up")]
TERMINATE = "mutation($id: String!) {terminateRun(runId: $id) {__typename}}"
RELOAD = 'mutation {reloadRepositoryLocation(repositoryLocationName: "agentos") {__typename}}'
SENSORS = """{sensorsOrError(repositorySelector: {repositoryLocationName: "agentos", repositoryName: "__repository__"})
  {... on Sensors {results {name description}}}}"""
OUTPUT = """query($id: ID!) {logsForRun(runId: $id) {... on EventConnection {events {
  ... on LogsCapturedEvent {fileKey} ... on EngineEvent {message}}}}}"""


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    served = start(tmp_path_factory.mktemp("server"))
    yield served
    served.end()


def lingering(up: Served) -> tuple[str, psutil.Process]:
    """A run that waits for work, and its process."""
    run = up.launch(linger=600)
    eventually(lambda: up.statuses()[run] == "STARTED")
    said = " ".join(str(event.get("message")) for event in up.ask(OUTPUT, id=run)["logsForRun"]["events"])
    found = re.search(r"Started process for run \(pid: (\d+)\)", said)
    assert found is not None, said
    return run, psutil.Process(int(found[1]))


def started(up: Served) -> bool:
    try:
        run = up.launch()
    except AssertionError:
        return False
    eventually(lambda: up.statuses()[run] == "SUCCESS")
    return True


def gone(process: psutil.Process) -> bool:
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def fork_server(up: Served) -> psutil.Process:
    """The one that the code server itself started."""
    (found,) = [one for one in up.forked if one.ppid() == up.code_server.pid]
    return found


def test_a_run_is_forked_and_its_output_is_kept(up: Served) -> None:
    run, process = lingering(up)
    parent = process.parent()
    assert parent is not None
    assert parent.pid == fork_server(up).pid
    eventually(lambda: any(event.get("fileKey") for event in up.ask(OUTPUT, id=run)["logsForRun"]["events"]))
    stored = up.workspace / "state" / "dagster" / "output" / run / "compute_logs"
    eventually(lambda: any("STEP_START" in path.read_text() for path in stored.iterdir()))


def test_a_run_that_is_killed_has_failed_and_its_task_is_taken_up(up: Served) -> None:
    run, process = lingering(up)
    task = submit(up.desk, "March")
    process.kill()
    until(up.desk, task, "parked")
    eventually(lambda: up.statuses()[run] == "FAILURE")


def test_terminate_ends_a_run_at_once(up: Served) -> None:
    run, process = lingering(up)
    assert up.ask(TERMINATE, id=run)["terminateRun"]["__typename"] == "TerminateRunSuccess"
    eventually(lambda: up.statuses()[run] == "CANCELED")
    eventually(lambda: gone(process))


def test_a_run_outlives_its_fork_server_and_the_next_one_starts(up: Served) -> None:
    run, process = lingering(up)
    first = fork_server(up)
    first.kill()
    eventually(lambda: gone(first))
    task = submit(up.desk, "April")  # whoever takes it up: the run that lives on is as good as any
    until(up.desk, task, "parked")
    eventually(lambda: started(up), within=300)  # importing takes seconds, and minutes on a busy machine
    assert up.statuses()[run] == "STARTED"
    assert up.ask(TERMINATE, id=run)["terminateRun"]["__typename"] == "TerminateRunSuccess"
    eventually(lambda: up.statuses()[run] == "CANCELED")
    eventually(lambda: gone(process))


def test_runs_of_a_code_server_that_was_killed_are_marked_and_tasks_go_on(up: Served) -> None:
    run, process = lingering(up)
    up.code_server.kill()
    task = submit(up.desk, "May")
    eventually(lambda: up.statuses()[run] == "FAILURE", within=90)
    until(up.desk, task, "parked")
    eventually(lambda: gone(process))
    eventually(lambda: started(up), within=90)  # work goes on before the page has found the new one


def test_reload_brings_the_new_definitions_and_ends_runs_as_terminate_does(up: Served) -> None:
    run, _ = lingering(up)
    task = submit(up.desk, "June")
    until(up.desk, task, "parked")
    file = up.program / "agentos_assets" / "sensors.py"
    file.write_text(file.read_text().replace("A task is new, answered, due", "There is something new: a task"))
    assert up.ask(RELOAD)["reloadRepositoryLocation"]["__typename"] == "WorkspaceLocationEntry"
    eventually(lambda: "There is something new" in str(up.ask(SENSORS)), within=90)
    assert up.statuses()[run] == "CANCELED"
    assert "its definitions are loaded again" in up.printed.read_text()
    later = submit(up.desk, "July")
    until(up.desk, later, "parked")


def test_no_process_of_the_page_or_of_the_fork_server_sees_a_key(up: Served) -> None:
    run, process = lingering(up)
    assert up.holders("A_KEY") == [up.code_server]
    os.kill(process.pid, signal.SIGTERM)
    eventually(lambda: up.statuses()[run] != "STARTED")
