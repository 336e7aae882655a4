"""Where a view's columns come from: as Dagster's column lineage, and as a table, since the open page shows none.

Metadata of the definition and not of each materialisation: it would be 140 KB for each time that the log grows.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import dagster as dg

from agentos_assets.describe import table
from agentos_assets.views.declared import Declared

Source = tuple[str, str]


def sources_of(view: Declared) -> dict[str, dg.MetadataValue[Any]]:
    deps = {name: [dg.TableColumnDep(*source) for source in found] for name, found in view.sources.items()}
    return {
        "dagster/column_lineage": dg.MetadataValue.column_lineage(dg.TableColumnLineage(deps)),
        "where its columns come from": dg.MetadataValue.md(sources_told(view)),
    }


def sources_told(view: Declared) -> str:
    """What all columns share, once: it decides which rows there are. Then what each has besides."""
    shared = set.intersection(*(set(found) for found in view.sources.values()))
    rows = [[name, _grouped(one for one in found if one not in shared)] for name, found in view.sources.items()]
    head = f"Every column rests on {_grouped(sorted(shared))}, and besides:\n\n" if shared else ""
    return head + table(["column", "comes from"], [row for row in rows if row[1]])


def _grouped(sources: Iterable[Source]) -> str:
    by_view: dict[str, list[str]] = {}
    for name, column in sources:
        by_view.setdefault(name, []).append(f"`{column}`")
    return "; ".join(f"{name} {', '.join(columns)}" for name, columns in by_view.items())
