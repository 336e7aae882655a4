"""Cells of the tables that Dagster shows: what a person reads and types."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from agentos_assets.describe import table

LONGEST = 850
"""Characters: Dagster's page shows Markdown of up to a thousand in its place, and a link for what is longer."""
_UUID, _SHORT = 36, 8


def rows_of(frame: pl.DataFrame, columns: Mapping[str, pl.Expr], otherwise: str) -> str:
    """A Markdown table, a column a heading, of as many of the first rows as are shown in place; `otherwise` without
    any."""
    cells = frame.select(expression.cast(pl.String).fill_null("").alias(name) for name, expression in columns.items())
    head, body = cells.columns, [list(row) for row in cells.head(LONGEST // 10).iter_rows()]
    while len(body) > 1 and len(table(head, body)) > LONGEST:
        body.pop()
    more = f"\n\nand {frame.height - len(body)} more" if frame.height > len(body) else ""
    return (table(head, body) or otherwise) + more


def short(column: str) -> pl.Expr:
    """What `agentos show` takes."""
    return pl.concat_str(pl.lit("`"), end_of(pl.col(column)), pl.lit("`"))


def end_of(ids: pl.Expr) -> pl.Expr:
    """Of a UUID its last digits; anything else, such as the id of a step, as it is."""
    return pl.when(ids.str.len_chars() == _UUID).then(ids.str.slice(_UUID - _SHORT)).otherwise(ids)


def money(column: str) -> pl.Expr:
    """With two decimals, or as many as there are."""
    return pl.col(column).cast(pl.String).str.replace(r"^(-?\d+\.\d\d\d*?)0*$", "$1")


def minute(column: str) -> pl.Expr:
    return pl.col(column).dt.strftime("%Y-%m-%d %H:%M UTC")


def listed(column: str) -> pl.Expr:
    return pl.col(column).list.unique(maintain_order=True).list.join(", ")
