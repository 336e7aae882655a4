"""What the catalogue of views says, as data: `declared.json`, written by tools/declared_views.py and held by a test.

The catalogue imports Polars, which definitions must not: they are built again by every run, and before processes fork.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FILE = Path(__file__).parent / "declared.json"


@dataclass(frozen=True)
class Declared:
    """`depends`: "history" or other views. `columns`: name, type and description of each. `sources`: column -> where it
    comes from, as (history or a view, its column)."""

    name: str
    title: str
    description: str
    group: str
    key: tuple[str, ...]
    depends: tuple[str, ...]
    dated: bool
    version: int
    columns: tuple[tuple[str, str, str], ...]
    sources: Mapping[str, tuple[tuple[str, str], ...]]


def declared() -> list[Declared]:
    """Those first that others are made from."""
    return [_read(one) for one in json.loads(FILE.read_text("utf-8"))]


def _read(raw: dict[str, Any]) -> Declared:
    columns = tuple((name, type, description) for name, type, description, _ in raw["columns"])
    sources = {name: tuple(tuple(one.split(".", 1)) for one in found) for name, _, _, found in raw["columns"]}
    lists = {"key": tuple(raw["key"]), "depends": tuple(raw["depends"]), "columns": columns, "sources": sources}
    return Declared(**{**raw, **lists})
