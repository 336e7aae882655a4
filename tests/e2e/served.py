"""`agentos up` for tests: a copy of the program serves a workspace of its own, and is asked over GraphQL."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

from agentos.platform import open_store
from agentos.tasks.answers import Desk
from agentos.tasks.state import TaskState
from agentos.workspace.answers import demo
from agentos.workspace.init import init_workspace

CLONE = Path(__file__).resolve().parents[2]
PROGRAM = ("agentos", "agents", "graphs", "agentos_assets", "desk", "dagster.yaml", "workspace.yaml")
UP = "from desk.main import main; main()"  # what the installed command runs, from the copy
RUN = '{runsOrError(filter: {pipelineName: "advance_tasks"}, limit: 50) {... on Runs {results {runId status}}}}'
LAUNCH = """mutation($p: ExecutionParams!) {launchRun(executionParams: $p)
  {__typename ... on LaunchRunSuccess {run {runId}} ... on PythonError {message}}}"""
JOB = {"repositoryLocationName": "agentos", "repositoryName": "__repository__", "jobName": "advance_tasks"}


@dataclass
class Served:
    workspace: Path
    program: Path
    home: Path
    process: subprocess.Popen[str]
    address: str
    printed: Path

    @property
    def desk(self) -> Desk:
        return Desk(open_store(self.workspace))

    @property
    def family(self) -> list[psutil.Process]:
        found = psutil.Process(self.process.pid).children(recursive=True)
        return [one for one in found if one.status() != psutil.STATUS_ZOMBIE]

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(20)

    def ask(self, query: str, **variables: Any) -> Any:
        """The answer's `data`, from the page's own GraphQL."""
        question = {"query": query, "variables": variables}
        answer = httpx.post(f"{self.address}/graphql", json=question, timeout=300).json()
        assert "errors" not in answer, answer["errors"]
        return answer["data"]

    def launch(self, tasks: Sequence[str] = (), linger: float = 0.0) -> str:
        """What the page's "Launch run" does; returns the run's id."""
        config = {"ops": {"advance": {"config": {"tasks": list(tasks), "linger_seconds": linger}}}}
        launched = self.ask(LAUNCH, p={"selector": JOB, "runConfigData": config})["launchRun"]
        assert launched["__typename"] == "LaunchRunSuccess", launched
        return str(launched["run"]["runId"])

    def statuses(self) -> dict[str, str]:
        """run id -> status."""
        return {run["runId"]: run["status"] for run in self.ask(RUN)["runsOrError"]["results"]}

    def holders(self, variable: str) -> list[psutil.Process]:
        """Processes of the family that were started with this variable, but for what runs have started themselves."""
        runs = {one for one in self.forked if one.ppid() != self.code_server.pid}
        found = []
        for one in self.family:
            with suppress(psutil.NoSuchProcess):
                if variable in one.environ() and not runs & set(one.parents()):
                    found.append(one)
        return found

    @property
    def code_server(self) -> psutil.Process:
        (found,) = [one for one in self.family if "agentos_assets.code_server" in one.cmdline()]
        return found

    @property
    def forked(self) -> list[psutil.Process]:
        """The fork server and the runs: they share its command line."""
        return [one for one in self.family if "multiprocessing.forkserver" in " ".join(one.cmdline())]


def any_port() -> int:
    """One that nobody else on this machine is about to take."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start(
    folder: Path, prepare: Callable[[Path], object] = lambda _: None, *, host: str = "127.0.0.1", port: int = 0
) -> Served:
    """Copies the program, makes a workspace and serves it; returns once the page answers. `port`: the first to try."""
    program, home, workspace, printed = (folder / name for name in ("program", "home", "ws", "printed"))
    program.mkdir()
    for name in PROGRAM:
        if (CLONE / name).is_dir():
            shutil.copytree(CLONE / name, program / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(CLONE / name, program / name)
    home.mkdir()
    init_workspace(workspace, demo())
    prepare(workspace)
    foreign = ("XDG_", "AGENTOS_", "DAGSTER_")
    environ = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    environ |= {"HOME": str(home), "PYTHONPATH": str(program), "PYTHONDONTWRITEBYTECODE": "1", "A_KEY": "sk-secret"}
    with printed.open("w") as out:
        process = subprocess.Popen(
            [
                sys.executable, "-u", "-c", UP, "--workspace", str(workspace), "up", "--host", host, "--port",
                str(port or any_port()),
            ],
            cwd=program, env=environ, stdout=out, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
    until = time.monotonic() + 300
    while "Ctrl-C" not in printed.read_text() and process.poll() is None and time.monotonic() < until:
        time.sleep(0.2)
    if "Ctrl-C" not in printed.read_text():
        process.send_signal(signal.SIGINT)
        process.wait(20)
        raise AssertionError(printed.read_text())
    found = re.search(r"http://[\w.]+:(\d+)", printed.read_text())
    assert found is not None
    return Served(workspace, program, home, process, f"http://127.0.0.1:{found[1]}", printed)


def eventually(holds: Callable[[], object], within: float = 60) -> None:
    end = time.monotonic() + within
    while not holds():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.1)


def until(desk: Desk, task: str, *statuses: str, within: float = 90) -> TaskState:
    end = time.monotonic() + within
    while (state := desk.load(task)).status not in statuses:
        assert time.monotonic() < end, f"it is {state.status}, not {statuses}"
        time.sleep(0.2)
    return state


def runs(up: Served) -> list[str]:
    return list(up.statuses().values())


def submit(desk: Desk, month: str) -> str:
    return desk.submit(f"Invoice Acme Studio 1,200 EUR for the {month} workshop")


def events(workspace: Path) -> list[tuple[str, str, str]]:
    """(hash, type, stream) of each."""
    store = open_store(workspace)
    try:
        return [(record.hash.hex(), record.type, record.stream) for record in store.log.read()]
    finally:
        store.close()
