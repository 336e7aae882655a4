"""Receivables: what each client owes."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from agentos.views.tables.common import all_seqs
from agentos.views.typed import MONEY, SEQS
from agentos.views.view import Column, Moment, View

OWED = ("open", "partly", "overdue")


def make(frames: Mapping[str, pl.LazyFrame], moment: Moment) -> pl.LazyFrame:
    owed = frames["invoices"].filter(pl.col("status").is_in(OWED))
    late = pl.col("status") == "overdue"
    rows = owed.group_by("client", "currency").agg(
        open=pl.col("open").sum(),
        overdue=pl.when(late).then(pl.col("open")).otherwise(pl.lit(0, MONEY)).sum(),
        invoices=pl.len().cast(pl.UInt32), oldest_due=pl.col("due_on").min(), most_late_days=pl.col("late_days").max(),
        seqs=all_seqs(),
    )  # fmt: skip
    return rows.select(*COLUMNS).sort("client", "currency", nulls_last=True)


COLUMNS = {
    "client": Column(pl.String, "id of the client"),
    "currency": Column(pl.String, "ISO 4217"),
    "open": Column(MONEY, "what is still to be paid"),
    "overdue": Column(MONEY, "what of it is late"),
    "invoices": Column(pl.UInt32, "invoices that are not paid in full"),
    "oldest_due": Column(pl.Date, "the earliest day on which one of them was or is due"),
    "most_late_days": Column(pl.Int64, "days that the latest of them is late"),
    "seqs": Column(SEQS, "the events it comes from"),
}

VIEW = View(
    name="receivables",
    title="Receivables",
    description="What each client owes, and what of it is late.",
    group="money",
    key=("client", "currency"),
    columns=COLUMNS,
    depends=("invoices",),
    make=make,
    dated=True,
)
