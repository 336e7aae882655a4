"""The whole asset graph and every schema as text, and what definitions may cost."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from agentos_assets.definitions import defs
from agentos_assets.first_day import FALLBACK, VARIABLE
from agentos_assets.partitions import days
from agentos_assets.views.declared import FILE, declared
from tools import asset_graph, declared_views

ROOT = Path(__file__).resolve().parents[2]
MOST_LINES = {"asset": 12, "multi_asset": 12, "asset_check": 15, "multi_asset_check": 15, "op": 25, "sensor": 30}


def test_the_graph_and_the_schemas_are_as_they_were() -> None:
    stale = "the asset graph has changed: run python tools/asset_graph.py, and look at the diff"
    assert asset_graph.FILE.read_text("utf-8") == asset_graph.text(), stale


def test_what_definitions_know_of_the_views_is_what_the_catalogue_says() -> None:
    stale = "agentos_assets/views/declared.json is stale: run python tools/declared_views.py"
    assert FILE.read_text("utf-8") == declared_views.text(), stale


def test_every_view_comes_from_the_log_in_the_end() -> None:
    graph = defs().get_repository_def().asset_graph
    above = dg.AssetSelection.assets("event_log").downstream().resolve(graph)
    assert graph.get_all_asset_keys() - above == set()
    assert {view.name for view in declared()} <= {key.to_user_string() for key in above}


def test_every_asset_says_who_owns_it_and_what_it_is() -> None:
    graph = defs().get_repository_def().asset_graph
    nodes = [graph.get(key) for key in graph.get_all_asset_keys()]
    silent = [node.key for node in nodes if not (node.owners and node.kinds and node.description and node.code_version)]
    assert silent == []
    assert {node.group_name for node in nodes} >= {"log", "work", "money", "agents", "overview"}


def test_building_the_definitions_imports_nothing_that_computes() -> None:
    code = (
        "import sys; from agentos_assets.definitions import defs; defs().get_repository_def(); "
        "heavy = ('polars', 'duckdb', 'pyarrow', 'great_expectations', 'langgraph', 'apsw'); "
        "print([m for m in heavy if m in sys.modules])"
    )
    environ = {name: value for name, value in os.environ.items() if name != "AGENTOS_WORKSPACE"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], env=environ, capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(("said", "first"), [("2026-03-01", "2026-03-01"), ("nonsense", FALLBACK), (None, FALLBACK)])
def test_days_begin_with_the_log(monkeypatch: pytest.MonkeyPatch, said: str | None, first: str) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    if said is not None:
        monkeypatch.setenv(VARIABLE, said)
    assert days().get_first_partition_key() == first


def shells() -> dict[str, tuple[str, int]]:
    """Functions that Dagster calls: name -> (which decorator, lines of its statements)."""
    found = {}
    for path in sorted((ROOT / "agentos_assets").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            for name in [_name(one) for one in node.decorator_list] if isinstance(node, ast.FunctionDef) else ():
                if name in MOST_LINES:
                    found[f"{path.name}:{node.name}"] = (name, _lines(node))  # type: ignore[attr-defined]
    return found


def _lines(node: ast.AST) -> int:
    assert isinstance(node, ast.FunctionDef)
    body = node.body[1:] if ast.get_docstring(node) else node.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1


def _name(decorator: ast.expr) -> str:
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    return called.attr if isinstance(called, ast.Attribute) else ""


def test_what_dagster_calls_is_a_few_lines_over_plain_functions() -> None:
    found = shells()
    assert len(found) >= 8
    assert {name: lines for name, (kind, lines) in found.items() if lines > MOST_LINES[kind]} == {}
