"""Numbers: one row for each number of a series that was taken."""

from __future__ import annotations

import polars as pl

from agentos.views.fold import Fold, first, last, seqs
from agentos.views.typed import SEQS, TIME
from agentos.views.view import Column, View


def _derive(rows: pl.LazyFrame) -> pl.LazyFrame:
    return rows.select(
        status=pl.when(pl.col("voided_at").is_null()).then(pl.lit("assigned")).otherwise(pl.lit("voided"))
    )


VIEW = View(
    name="numbers",
    title="Numbers",
    description="The numbers of invoices and credit notes: which effect took each, and which are void.",
    group="trust",
    key=("series", "serial"),
    columns={
        "series": Column(pl.String, "invoice or credit_note"),
        "serial": Column(pl.UInt64, "1, 2, 3, ... within the series"),
        "number": Column(pl.String, "as it is printed"),
        "effect": Column(pl.String, "key of the effect that took it"),
        "task": Column(pl.String, "id of the task"),
        "status": Column(pl.String, "assigned or voided"),
        "assigned_at": Column(TIME, "when it was taken"),
        "voided_at": Column(TIME, "when it was voided on the record"),
        "seqs": Column(SEQS, "the events it comes from"),
    },
    fold=Fold(
        key=("series", "serial"),
        types=("number.assigned", "number.voided"),
        rules={
            "number": last("number"),
            "effect": last("effect"),
            "task": first("task"),
            "assigned_at": first("at", "number.assigned"),
            "voided_at": first("at", "number.voided"),
            "seqs": seqs(),
        },
        derive=_derive,
    ),
)
