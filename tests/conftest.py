"""A real workspace, and the command called in it."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from agentos.platform import open_store
from agentos.tasks.answers import Desk
from agentos.workspace.answers import demo
from agentos.workspace.init import init_workspace
from desk.main import main
from tests.fakes.terminal import Agentos, Said


def pytest_configure(config: pytest.Config) -> None:
    """A shell that runs the tests in its background has them ignore Ctrl-C, and with them every program they start."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests of one group run in one worker: xdist 3.8 writes a group where pytest 9.2 no longer reads it."""
    from _pytest.nodeid import NodeId

    for item in items if config.getoption("loadgroup", False) else ():
        mark = item.get_closest_marker("xdist_group")
        if mark is not None:
            item._id = NodeId.parse(f"{item.nodeid}@{mark.args[0]}")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    init_workspace(tmp_path / "w", demo())
    return tmp_path / "w"


@pytest.fixture
def agentos(root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Agentos:
    """Call the command in the workspace; every call opens and closes it as a process does."""
    monkeypatch.chdir(root)
    monkeypatch.delenv("AGENTOS_WORKSPACE", raising=False)

    def call(*arguments: str) -> Said:
        with pytest.raises(SystemExit) as ended:
            main(list(arguments))
        told = capsys.readouterr()
        return Said(int(ended.value.code or 0), told.out, told.err)

    return call


@pytest.fixture
def invoiced(root: Path, agentos: Agentos, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The workspace with an invoice that was issued, booked and mailed; whoever asks for one finds it."""
    monkeypatch.setenv("AGENTOS_WORKSPACE", str(root))
    agentos("run", "Invoice Acme Studio 1,200 EUR for the March workshop")
    store = open_store(root)
    (task,) = [record.data["task"] for record in store.log.read(types=("task.opened",))]
    desk = Desk(store)
    for card in desk.load(task).open_cards():
        desk.approve(card.id)
    store.close()
    agentos("resume")
    return root


@pytest.fixture(scope="session")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with a simulated week (`tests/fakes/simulated.py`), to be read: who writes, works on a copy.

    Tests that use it belong to the group "history" (`pytest.mark.xdist_group`), so that it is made once.
    """
    from tests.fakes.simulated import simulated

    root = tmp_path_factory.mktemp("history") / "w"
    simulated(root)
    return root
