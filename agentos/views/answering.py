"""A query's answer from one frame: rows as JSON values, each with the events it comes from."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from functools import reduce
from operator import and_
from typing import TYPE_CHECKING, Any

from agentos.views.query import Figure, Filter, Query, kind_of, typed

if TYPE_CHECKING:
    import polars as pl

    from agentos.views.catalogue import View

SEQS = "seqs"
MOST_SEQS = 50
"""Of one row, the newest: a figure over a year rests on more events than anybody reads one by one."""
Row = dict[str, Any]


def answer(frame: pl.DataFrame, query: Query, view: View) -> tuple[list[Row], int]:
    """(the rows up to the limit, how many there are). The query has no `faults`. Every row has `seqs`."""
    kinds = {name: kind_of(column.dtype) for name, column in view.columns.items()}
    found = frame.filter(reduce(and_, [_condition(one, kinds) for one in query.where])) if query.where else frame
    found = _ordered(_figures(found, query), query) if query.figures else _rows(_ordered(found, query), query, view)
    return [_plain(row) for row in found.head(query.limit).iter_rows(named=True)], found.height


def _ordered(frame: pl.DataFrame, query: Query) -> pl.DataFrame:
    if not query.order:
        return frame
    names, down = [one.by for one in query.order], [one.descending for one in query.order]
    return frame.sort(names, descending=down, nulls_last=True, maintain_order=True)


def _condition(one: Filter, kinds: Mapping[str, str]) -> pl.Expr:
    import polars as pl

    column, kind = pl.col(one.column), kinds[one.column]
    if one.op == "empty":
        return column.is_null()
    if one.op == "filled":
        return column.is_not_null()
    if isinstance(one.value, list):
        return column.is_in([typed(kind, value) for value in one.value])
    if one.op in ("starts", "ends"):
        text = str(one.value)
        return column.str.starts_with(text) if one.op == "starts" else column.str.ends_with(text)
    value = None if one.value is None else typed(kind, one.value)
    compared: pl.Expr = getattr(column, one.op)(pl.lit(value))
    return compared.fill_null(one.op == "ne")


def _rows(frame: pl.DataFrame, query: Query, view: View) -> pl.DataFrame:
    """The key always comes along: without it nobody can ask why."""
    if not query.columns:
        return frame
    return frame.select(*dict.fromkeys([*view.key, *query.columns, *([SEQS] if SEQS in frame.columns else [])]))


def _figures(frame: pl.DataFrame, query: Query) -> pl.DataFrame:
    import polars as pl

    figures = [_figure(one) for one in query.figures]
    sources = [pl.col(SEQS).explode().unique().sort().alias(SEQS)] if SEQS in frame.columns else []
    if query.group:
        return frame.group_by(query.group, maintain_order=True).agg([*figures, *sources])
    return frame.select([*figures, *(one.implode() for one in sources)])


def _figure(one: Figure) -> pl.Expr:
    import polars as pl

    if one.column is None:
        return pl.len().alias(one.name)
    return {
        "sum": pl.Expr.sum, "min": pl.Expr.min, "max": pl.Expr.max, "mean": pl.Expr.mean,
    }[one.of](pl.col(one.column)).alias(one.name)  # fmt: skip


def _plain(row: Mapping[str, Any]) -> Row:
    """JSON: amounts as texts, days and moments in ISO form; of the sources the newest."""
    plain = {name: _value(value) for name, value in row.items()}
    if isinstance(plain.get(SEQS), list):
        plain[SEQS] = [seq for seq in plain[SEQS] if seq is not None][-MOST_SEQS:]
    return plain


def _value(value: Any) -> Any:
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, list):
        return [_value(part) for part in value]
    return round(value, 6) if isinstance(value, float) else value
