"""`agentos check`: what a person reads and what --json answers, on a real workspace."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from agentos.views.read import path_of
from tests.fakes.terminal import Agentos

pytestmark = pytest.mark.xdist_group("great-expectations")
TEXT = "Invoice Acme Studio 1,200 EUR for the March workshop"


def test_a_view_that_holds_is_a_line_and_exit_code_0(agentos: Agentos) -> None:
    agentos("run", TEXT)
    said = agentos("check", "invoices", "numbers")
    assert said.code == 0
    assert [line.split()[1] for line in said.out.splitlines()] == ["numbers", "invoices"]
    answer = agentos("check", "tasks", "--json").json
    assert answer["ok"]
    (view,) = answer["views"]
    assert (view["view"], view["rows"], view["ok"], view["misleads"], view["findings"]) == ("tasks", 1, True, False, [])


def test_what_does_not_hold_is_said_with_the_rows_and_exit_code_1(agentos: Agentos, root: Path) -> None:
    agentos("run", TEXT)
    assert agentos("check", "tasks").code == 0
    path = path_of(root, "tasks")
    view = pl.read_parquet(path)
    wrong = view.with_columns(opened_at=pl.lit(None, view.schema["opened_at"]))
    task = wrong["task"][0]
    wrong.write_parquet(path, metadata=pl.read_parquet_metadata(path))
    said = agentos("check", "tasks", "--stale")
    assert said.code == 1
    assert "each task was opened: 1 of 1 rows do not" in said.out
    assert f"agentos why tasks {task}" in said.out
    (view,) = agentos("check", "tasks", "--stale", "--json").json["views"]
    (finding,) = view["findings"]
    assert (finding["says"], finding["keys"]) == ("each task was opened", [task])


def test_what_is_expected_is_listed_without_checking(agentos: Agentos) -> None:
    said = agentos("check", "receivables", "--list")
    assert said.code == 0
    assert "open is the sum of the client's open invoices" in said.out
    (listed,) = agentos("check", "receivables", "--list", "--json").json
    assert listed["view"] == "receivables"


def test_a_view_that_there_is_not_is_said(agentos: Agentos) -> None:
    said = agentos("check", "invoice")
    assert said.code != 0
    assert "Did you mean invoices?" in said.err
