"""The notebooks as somebody runs them, on the simulated business: every cell, every plot, no writing."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from agentos.platform import open_store
from agentos.views.refresh import refresh
from agentos.views.sql import publish_sql

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"

# jupyter's own warnings on starting a kernel are not ours
pytestmark = [pytest.mark.filterwarnings("default"), pytest.mark.xdist_group("history")]


@pytest.fixture(scope="module")
def business(history: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its views are published, as `agentos views` and `agentos up` do."""
    workspace = tmp_path_factory.mktemp("notebook") / "w"
    shutil.copytree(history, workspace)
    store = open_store(workspace)
    refresh(store)
    store.close()
    publish_sql(workspace)
    return workspace


def test_history_runs_and_shows_what_happened(business: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = files(business)
    cells = run(FOLDER / "history.ipynb", business, monkeypatch)
    pictures = [output for output in outputs(cells) if "image/png" in output.get("data", {})]
    said = "\n".join(output["data"].get("text/plain", "") for output in outputs(cells) if "data" in output)
    assert len(pictures) >= 7
    assert "send-invoice" in said
    assert "acme-studio" in said
    assert "drafter" in said
    assert files(business) == before, "a notebook only reads"


def test_a_workspace_without_views_is_told_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from nbclient.exceptions import CellExecutionError

    with pytest.raises(CellExecutionError, match="agentos views"):
        run(FOLDER / "history.ipynb", tmp_path, monkeypatch)


def test_the_notebooks_are_kept_without_outputs() -> None:
    for path in FOLDER.glob("*.ipynb"):
        cells = [cell for cell in nbformat.read(path, 4).cells if cell.cell_type == "code"]
        assert cells
        assert all(not cell.outputs and cell.execution_count is None for cell in cells), path.name


def run(path: Path, workspace: Path, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    monkeypatch.setenv("AGENTOS_WORKSPACE", str(workspace))
    notebook = nbformat.read(path, 4)
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(FOLDER)}}).execute()
    return list(notebook.cells)


def outputs(cells: list[Any]) -> list[Any]:
    return [output for cell in cells for output in cell.get("outputs", [])]


def files(workspace: Path) -> dict[str, float]:
    return {
        os.path.join(folder, name): os.stat(os.path.join(folder, name)).st_mtime
        for folder, _, names in os.walk(workspace)
        for name in names
    }
