"""`agentos status` on a log of 100,000 events beside `python -c "import dagster"`: whole commands, from their start."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from agentos.workspace.answers import demo
from agentos.workspace.init import init_workspace
from benchmarks.history import write
from benchmarks.rows import Row, interleaved

EVENTS = 100_000
AIM = "<= 0.15"
PEER = 'python -c "import dagster"'
COMMAND = "from desk.main import main; main()"  # what the installed command runs, in the interpreter of this run


def measure(rounds: int) -> list[Row]:
    with tempfile.TemporaryDirectory(dir=".", prefix=".bench-") as scratch:
        root = workspace(Path(scratch), EVENTS)
        found = interleaved({"ours": status(root), PEER: command([sys.executable, "-c", "import dagster"])}, rounds)
    return [Row(f"agentos status on {EVENTS:,} events", "ms", found["ours"] * 1000, found[PEER] * 1000, PEER, AIM)]


def workspace(folder: Path, events: int) -> Path:
    root = folder / f"log-{events}"
    init_workspace(root, demo())
    write(root, events).close()
    return root


def status(root: Path) -> Callable[[], float]:
    return command([sys.executable, "-c", COMMAND, "--workspace", str(root), "status"])


def command(arguments: Sequence[str]) -> Callable[[], float]:
    """Runs it and returns the seconds it took. A command that fails ends the benchmark with what it said."""
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}

    def run() -> float:
        began = time.perf_counter()
        subprocess.run(arguments, check=True, capture_output=True, env=environ)
        return time.perf_counter() - began

    return run
