"""Column lineage: which columns of what a view is made from can change a column of it.

Nothing is written down for it. Of the first row it follows from the rules; what is derived, and the second row, is a
Polars plan, and Polars is asked: each source of the plan is told by the optimiser which columns it must read for one
column of the result. It never leaves out what is needed, so what is not named here can't matter.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import polars as pl
from polars.io.plugins import register_io_source

from agentos.views.catalogue import VIEWS
from agentos.views.fold import Fold
from agentos.views.view import HISTORY, Make, Moment, View

Source = tuple[str, str]
"""(history or a view, a column of it); one whose name begins with "_" is kept in the view's file and not shown."""
Lineage = dict[str, list[Source]]
_ORDERED = ("first", "last", "seqs")
_SOME_TIME = Moment(datetime(2026, 1, 1, tzinfo=UTC))


def lineage(view: View) -> Lineage:
    """Column -> where it comes from, in the order of the sources' columns."""
    found = dict[str, set[Source]]()
    if view.fold is not None:
        found = _folded(view.fold)
    elif view.make is not None:
        found = _made(view, view.make)
    return {name: sorted(found[name]) for name in view.columns}


# -- first row: the rules say it


def _folded(fold: Fold) -> dict[str, set[Source]]:
    """What belongs to one row, and whether it counts, is decided by the key and by the type of event."""
    rows = {*fold.key, "type"}
    ruled = {name: {rule.of, *(("seq",) if rule.how in _ORDERED else ())} for name, rule in fold.rules.items()}
    columns = {name: {name} for name in fold.key} | ruled
    if fold.derive is not None:
        asked = set[Source]()
        plan = fold.derive(_asked_for("", fold.empty().schema, asked))
        for name in plan.collect_schema().names():
            asked.clear()
            plan.select(name).collect()
            columns[name] = {of for _, column in asked for of in (ruled | columns)[column]}
    return {name: {(HISTORY, of) for of in rows | own} for name, own in columns.items()}


# -- second row: the plan says it


def _made(view: View, make: Make) -> dict[str, set[Source]]:
    """A value belongs to the row that its key names, and what every column reads decides which rows there are. A source
    from which a column takes no more than that is left out where it takes more from another: in a union, that source
    has rows of its own."""
    asked = set[Source]()
    frames = {name: _asked_for(name, _schema(VIEWS[name]), asked) for name in view.depends}
    plan, read = make(frames, _SOME_TIME), dict[str, set[Source]]()
    for name in view.columns:
        asked.clear()
        plan.select({*view.key, name}).collect()
        read[name] = set(asked)
    rows = set.intersection(*read.values())
    giving = {name: {source for source, _ in found - rows} for name, found in read.items()}
    return {name: {one for one in found if not giving[name] or one[0] in giving[name]} for name, found in read.items()}


def _schema(view: View) -> Mapping[str, Any]:
    shown = {name: column.dtype for name, column in view.columns.items()}
    return shown if view.fold is None else dict(view.fold.empty().schema) | shown


def _asked_for(name: str, schema: Mapping[str, Any], asked: set[Source]) -> pl.LazyFrame:
    """A source without rows that notes which of its columns are read."""

    def read(
        with_columns: list[str] | None, predicate: pl.Expr | None, n_rows: int | None, batch_size: int | None
    ) -> Iterator[pl.DataFrame]:
        columns = list(schema) if with_columns is None else with_columns
        filtered = predicate.meta.root_names() if predicate is not None else []
        asked.update((name, column) for column in (*columns, *filtered))
        yield pl.DataFrame(schema=schema).select(columns)

    return register_io_source(read, schema=dict(schema))
