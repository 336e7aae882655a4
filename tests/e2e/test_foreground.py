"""Answers given in the foreground while another process takes up at once whatever can go on: the command that was
given goes on with its task itself, and shows how it goes."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentos.platform import open_store
from agentos.tasks.answers import Desk
from agentos.tasks.lease import Lease
from agentos.workspace.answers import demo
from agentos.workspace.init import init_workspace
from graphs.advance import advance
from graphs.opening import open_platform
from tests.fakes.terminal import Agentos

pytestmark = pytest.mark.xdist_group("foreground")
CLONE = Path(__file__).resolve().parents[2]
AGENTOS = Path(sys.executable).parent / "agentos"
GREEDY = """
import asyncio, sys, time
from pathlib import Path
from agentos.tasks.readiness import can_go_on
from desk.reading import open_tasks
from graphs.advance import advance
from graphs.opening import open_platform

platform = open_platform(Path(sys.argv[1]), environ={})
print("ready", flush=True)
while True:
    for state in open_tasks(platform.store):
        if can_go_on(state, platform.clock.now()):
            result = asyncio.run(advance(platform, state.id, by="greedy"))
            if not result.busy and result.state.seq > state.seq:
                print(state.id, flush=True)
    time.sleep(0.1)
"""


class Beside:
    """A workspace in which a greedy worker is at work."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.asking = self._until_it_asks("Invoice Acme Studio for the May workshop")
        self.denied, self.edited, self.done = (
            self._until_it_asks(f"Invoice Acme Studio {amount} EUR for the {month} workshop")
            for amount, month in ((700, "May"), (8000, "June"), (90_000, "July"))
        )
        self._ends(self.done)
        self.worker = subprocess.Popen(
            [sys.executable, "-c", GREEDY, str(root)], cwd=CLONE, stdout=subprocess.PIPE, text=True
        )
        assert self.worker.stdout is not None
        assert self.worker.stdout.readline() == "ready\n"
        self.taken: list[str] = []
        self.listener = threading.Thread(target=self._listen)
        self.listener.start()

    def _listen(self) -> None:
        assert self.worker.stdout is not None
        self.taken.extend(self.worker.stdout)

    def end(self) -> None:
        self.worker.kill()
        self.listener.join()
        self.worker.communicate()

    def _until_it_asks(self, text: str) -> str:
        platform = open_platform(self.root, environ={})
        task = Desk(platform.store).submit(text)
        assert asyncio.run(advance(platform, task)).state.open_cards()
        platform.store.close()
        return task

    def _ends(self, task: str) -> None:
        platform = open_platform(self.root, environ={})
        Desk(platform.store).approve(self.card(task))
        assert asyncio.run(advance(platform, task)).state.status == "completed"
        platform.store.close()

    def card(self, task: str) -> str:
        store = open_store(self.root)
        (card,) = Desk(store).load(task).open_cards()
        store.close()
        return card.id

    def say(self, *arguments: str) -> str:
        """What the command prints. It did all the work itself."""
        before = len(self.taken)
        command = [str(AGENTOS), "--workspace", str(self.root), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert "another worker" not in done.stdout
        assert self.taken[before:] == []
        return done.stdout


@pytest.fixture(scope="module")
def beside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Beside]:
    root = tmp_path_factory.mktemp("beside") / "ws"
    init_workspace(root, demo())
    made = Beside(root)
    yield made
    made.end()


def test_an_answer(beside: Beside) -> None:
    assert "Why it asks" in beside.say("answer", beside.card(beside.asking), "900 EUR")


def test_an_edit(beside: Beside) -> None:
    said = beside.say("edit", beside.card(beside.edited), "--slot", "mail", "--title", "The bill for June")
    assert "The bill for June" in said


def test_a_denial_and_taking_it_up_again(beside: Beside) -> None:
    assert "not this one" in beside.say("deny", beside.card(beside.denied), "--reason", "not this one")
    assert "Why it asks" in beside.say("again", beside.denied)


def test_an_undo(beside: Beside) -> None:
    assert "undoes 3 of 3" in beside.say("undo", beside.done, "--yes")


def test_a_question(beside: Beside) -> None:
    assert "Acme" in beside.say("ask", "What does Acme owe?")


def test_what_is_only_recorded_is_left_to_the_other_one(beside: Beside) -> None:
    """So that one is there, and quick."""
    card = beside.card(beside.edited)
    command = [str(AGENTOS), "--workspace", str(beside.root), "deny", card, "--reason", "no", "--no-wait"]
    subprocess.run(command, check=True, capture_output=True)
    store = open_store(beside.root)
    try:
        for _ in range(600):
            if Desk(store).load(beside.edited).status == "failed":
                return
            threading.Event().wait(0.05)
    finally:
        store.close()
    raise AssertionError("nobody took it up")


def test_a_task_that_another_worker_has_is_answered_watched_and_then_taken_on(agentos: Agentos, root: Path) -> None:
    agentos("run", "Invoice Acme Studio for the May workshop")
    waiting = agentos("desk", "--json").json[0]
    with Lease(root / "state" / "leases", waiting["task"]) as lease:
        threading.Timer(1.0, lambda: lease.__exit__(None, None, None)).start()
        answered = agentos("answer", waiting["card"], "900 EUR")
    assert "another worker is on this task" in answered.out
    assert "Why it asks" in answered.out
