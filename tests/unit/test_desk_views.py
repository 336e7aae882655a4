"""`agentos views` and `agentos why`: the business as tables, and the events behind a row."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentos.workspace.answers import demo
from agentos.workspace.init import init_workspace
from tests.fakes.terminal import Agentos
from tests.replay.recording import VIGNETTE, load


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    init_workspace(tmp_path, demo())
    load(VIGNETTE, tmp_path)
    return tmp_path


def test_views_lists_what_there_is(workspace: Path, agentos: Agentos) -> None:
    said = agentos("--workspace", str(workspace), "views")
    assert said.code == 0, said.err
    assert "money" in said.out
    assert "receivables" in said.out
    listed = {one["view"]: one for one in agentos("--workspace", str(workspace), "views", "--json").json}
    assert (listed["effects"]["rows"], listed["effects"]["seq"]) == (4, 47)
    assert listed["invoices"]["columns"]["due_on"].startswith("when it is to be paid")


def test_a_view_is_a_table_and_json(workspace: Path, agentos: Agentos) -> None:
    said = agentos("--workspace", str(workspace), "views", "invoices")
    assert "2026-0001  acme-studio" in said.out
    assert "1,428.00" in said.out
    [row] = agentos("--workspace", str(workspace), "views", "invoices", "--json").json
    assert (row["gross"], row["due_on"], row["seqs"]) == ("1428.00", "2026-12-07", [40, 41])


def test_stale_reads_what_was_published_and_nothing_else(workspace: Path, agentos: Agentos) -> None:
    said = agentos("--workspace", str(workspace), "views", "tasks", "--stale")
    assert said.code == 1
    assert "not published yet" in said.err
    agentos("--workspace", str(workspace), "views")
    assert "produce-and-invoice" in agentos("--workspace", str(workspace), "views", "tasks", "--stale").out


def test_why_shows_the_events_of_a_row(workspace: Path, agentos: Agentos) -> None:
    said = agentos("--workspace", str(workspace), "why", "invoices", "2026-0001")
    assert "effect.started     Invoice Acme Studio GmbH: 1,428.00 EUR" in said.out
    assert "effect.done" in said.out
    found = agentos("--workspace", str(workspace), "why", "steps", "dab32995", "draft", "--json").json
    assert [event["type"] for event in found["events"]] == ["step.started", "step.completed"]


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("invoice", "x"), "Did you mean invoices?"),
        (("invoices", "2099-1"), "No row of invoices is named"),
        (("steps", "dab32995"), "7 rows of steps"),
    ],
)
def test_why_says_what_to_write_instead(workspace: Path, agentos: Agentos, words: tuple[str, str], hint: str) -> None:
    said = agentos("--workspace", str(workspace), "why", *words)
    assert said.code == 1
    assert hint in said.err
