"""From a trigger to the first line of an agent, in a run that the page shows: ours under `agentos up`, beside Dagster
as it comes (`dagster dev`: its own code server, storage and executor), whose run has one op that notes the time.

Ours: an intent is appended to the log, and the clock stops at `step.started` of the first agent, after intake and plan.
The second figure is the same while the run of the first still lingers.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from statistics import median
from typing import Any
from urllib.request import Request, urlopen

from agentos.platform import open_store
from agentos.tasks.answers import Desk
from agentos.tasks.lease import is_taken
from agentos.tasks.run import stream_of
from agentos.workspace.answers import demo
from agentos.workspace.init import init_workspace
from agentos_assets.attending import CREW, STARTER
from agentos_assets.ports import free_port
from benchmarks.rows import Row

PEER = "stock Dagster"
NEW, LINGERING = "trigger to first agent line, new run", "trigger to first agent line, lingering run"
AIMS = {NEW: "<= 0.12", LINGERING: "<= 0.02"}
SAYS = "Invoice Acme Studio 1,200 EUR for the March workshop"
PATIENCE = 180.0
COMMAND = "from desk.main import main; main()"  # what the installed command runs, in the interpreter of this run
STOCK = """
import os, time
import dagster as dg

@dg.op
def line():
    with open(os.environ["FIRST_LINE"], "a") as file:
        file.write(f"{time.time()}\\n")

@dg.job
def one_line():
    line()

defs = dg.Definitions(jobs=[one_line])
"""
LAUNCH = "mutation($p: ExecutionParams!) {launchRun(executionParams: $p) {__typename}}"
SELECTOR = {"repositoryLocationName": "stock.py", "repositoryName": "__repository__", "jobName": "one_line"}


def measure(rounds: int) -> list[Row]:
    found: dict[str, list[float]] = {NEW: [], LINGERING: [], PEER: []}
    with tempfile.TemporaryDirectory(dir=".", prefix=".bench-") as scratch:
        folder = Path(scratch).resolve()
        with Ours(folder).served() as ours, Stock(folder).served() as stock:
            for round in range(rounds + 1):  # the first does not count
                turn = {NEW: ours.started(), LINGERING: ours.started()}
                ours.rest()
                turn[PEER] = stock.started()
                if round:
                    for name, seconds in turn.items():
                        found[name].append(seconds)
    peer = median(found[PEER]) * 1000
    return [Row(name, "ms", median(found[name]) * 1000, peer, PEER, aim) for name, aim in AIMS.items()]


class Ours:
    def __init__(self, folder: Path) -> None:
        self._root = folder / "workspace"
        init_workspace(self._root, demo())
        self._desk = Desk(open_store(self._root))

    @contextmanager
    def served(self) -> Iterator[Ours]:
        port = str(free_port("127.0.0.1", 4700))
        argv = [sys.executable, "-c", COMMAND, "--workspace", str(self._root), "up", "--port", port]
        with running(argv, self._root, {}):
            wait(lambda: is_taken(self._leases, STARTER) and answers(port))
            yield self

    @property
    def _leases(self) -> Path:
        return self._root / "state" / "leases"

    def started(self) -> float:
        began = time.time()
        task = self._desk.submit(SAYS)
        wait(lambda: self._desk.load(task).status == "parked")
        log = self._desk.store.log
        first = next(record for record in log.read(stream=stream_of(task)) if record.type == "step.started")
        return first.at.timestamp() - began

    def rest(self) -> None:
        """Until no run lingers, so that the next task needs one of its own."""
        wait(lambda: not is_taken(self._leases, CREW))
        time.sleep(1)


class Stock:
    def __init__(self, folder: Path) -> None:
        self._folder = folder / "stock"
        self._folder.mkdir()
        (self._folder / "stock.py").write_text(STOCK)
        (self._folder / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
        self._lines = self._folder / "lines"
        self._lines.touch()
        self._port = ""

    @contextmanager
    def served(self) -> Iterator[Stock]:
        self._port = str(free_port("127.0.0.1", 4800))
        argv = [sys.executable, "-m", "dagster", "dev", "-f", "stock.py", "-p", self._port]
        own = {"DAGSTER_HOME": str(self._folder), "FIRST_LINE": str(self._lines)}
        with running(argv, self._folder, own):
            wait(lambda: answers(self._port))
            wait(self._launched)
            wait(lambda: len(self._lines.read_text().splitlines()) == 1)
            yield self

    def started(self) -> float:
        before, began = len(self._lines.read_text().splitlines()), time.time()
        assert self._launched()
        wait(lambda: len(self._lines.read_text().splitlines()) > before)
        line = float(self._lines.read_text().splitlines()[before])
        time.sleep(2)  # the run's process is still ending
        return line - began

    def _launched(self) -> bool:
        params = {"selector": SELECTOR, "runConfigData": {}}
        try:
            answer = ask(self._port, {"query": LAUNCH, "variables": {"p": params}})
        except OSError:
            return False
        return bool(answer["data"]["launchRun"]["__typename"] == "LaunchRunSuccess")


@contextmanager
def running(argv: list[str], folder: Path, own: Mapping[str, str]) -> Iterator[None]:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("DAGSTER_")}
    with (folder / "printed").open("w") as out:
        process = subprocess.Popen(
            argv, cwd=folder, env={**environ, **own}, stdout=out, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        yield
    finally:
        process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):  # stock Dagster does not always end
            process.wait(30)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def wait(holds: Any) -> None:
    until = time.monotonic() + PATIENCE
    while not holds():
        if time.monotonic() > until:
            raise TimeoutError("a run did not start, or the page did not answer, in three minutes")
        time.sleep(0.05)


def answers(port: str) -> bool:
    try:
        return "data" in ask(port, {"query": "{version}"})
    except OSError:
        return False


def ask(port: str, question: Mapping[str, Any]) -> Any:
    request = Request(
        f"http://127.0.0.1:{port}/graphql", json.dumps(question).encode(), {"Content-Type": "application/json"}
    )
    with urlopen(request, timeout=60) as answer:
        return json.load(answer)
