"""Reading published views: no log, no lock. A reader meets the whole of a view, as it was or as it is."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from agentos.errors import AgentOSError
from agentos.views.catalogue import VIEWS, chosen
from agentos.views.cursor import Cursor, cursor_of


def folder_of(root: Path) -> Path:
    return root / "state" / "views"


def path_of(root: Path, name: str) -> Path:
    return folder_of(root) / f"{name}.parquet"


def read_view(root: Path, name: str) -> pl.DataFrame:
    """The columns of the catalogue. Raises AgentOSError where there is no such view, or it was never published."""
    chosen([name])
    path = path_of(root, name)
    try:
        return pl.read_parquet(path, columns=list(VIEWS[name].columns))
    except (OSError, pl.exceptions.PolarsError):
        raise AgentOSError(
            f"The view {name} is not published yet, or can't be read.", hint="`agentos views` makes it.",
            code="view.absent",
        ) from None  # fmt: skip


def view_at(path: Path) -> Cursor | None:
    """Up to which event a published view has read; None where there is none."""
    return cursor_of(path)
