"""A log that somebody else's backup has locked for longer than we wait: a clear message, then it goes on."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agentos.errors import StorageError
from agentos.events.sqlite import SQLiteLog
from agentos.tasks.answers import Desk
from tests.fakes.effects import FakeSystem
from tests.fakes.platform import TEXT, Bench, FakeAgent, proposes

RECIPE = """\
workflow = "publish-post"
title = "Test"

[[steps]]
id = "write"
agent = "writer"

[[steps]]
id = "deliver"
kind = "effects"
needs = ["write"]
inputs = { from = ["write"] }
"""
HOLD = """\
import apsw, sys
connection = apsw.Connection(sys.argv[1])
connection.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Another process holds the database, as a careless backup does."""
    command = [sys.executable, "-c", HOLD, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        yield
        other.communicate()


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    made = Bench(tmp_path, RECIPE, [FakeAgent("writer", proposes("one"))], {"fake": FakeSystem()})
    store = made.platform.store
    store.log = SQLiteLog(store.log.path, store.sealer, clock=made.clock, patience=0.1)
    return made


async def test_a_task_stands_while_the_log_is_locked_and_goes_on_afterwards(bench: Bench) -> None:
    task = bench.submit()
    before = bench.types(task)
    with locked(bench.platform.log.path):
        with pytest.raises(StorageError, match="locked by another program: nothing was recorded") as failed:
            await bench.advance(task)
        assert "backup" in failed.value.hint
        assert bench.types(task) == before, "it can still be read"
    assert (await bench.advance(task)).state.status == "completed"
    system = bench.platform.systems["fake"]
    assert len(list(system.observe())) == 1


def test_what_the_operator_says_while_it_is_locked_is_refused_and_not_half_kept(bench: Bench) -> None:
    with locked(bench.platform.log.path), pytest.raises(StorageError) as failed:
        Desk(bench.platform.store, clock=bench.clock).submit(TEXT)
    assert failed.value.code == "log.busy"
    assert bench.platform.log.head()[0] == 0
    assert bench.submit()


def test_a_stop_holds_even_while_the_log_is_locked(bench: Bench) -> None:
    """By its file: the log can't say it."""
    with locked(bench.platform.log.path), pytest.raises(StorageError):
        bench.desk.stop("now")
    assert bench.platform.store.stop_file.exists()
