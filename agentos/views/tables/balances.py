"""Balances: what stands on each account of the ledger."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from agentos.views.tables.common import all_seqs
from agentos.views.typed import MONEY, SEQS
from agentos.views.view import Column, Moment, View


def make(frames: Mapping[str, pl.LazyFrame], moment: Moment) -> pl.LazyFrame:
    rows = frames["postings"].group_by("account", "currency").agg(
        balance=pl.col("amount").sum(), entries=pl.col("effect").n_unique().cast(pl.UInt32),
        last_on=pl.col("on").max(), seqs=all_seqs(),
    )  # fmt: skip
    return rows.select(*COLUMNS).sort("account", "currency")


COLUMNS = {
    "account": Column(pl.String, "receivable, income, output VAT or bank"),
    "currency": Column(pl.String, "ISO 4217"),
    "balance": Column(MONEY, "debits less credits"),
    "entries": Column(pl.UInt32, "ledger entries that touch it"),
    "last_on": Column(pl.Date, "day of the newest of them"),
    "seqs": Column(SEQS, "the events it comes from"),
}

VIEW = View(
    name="balances",
    title="Balances",
    description="What stands on each account of the ledger, by what the log booked.",
    group="money",
    key=("account", "currency"),
    columns=COLUMNS,
    depends=("postings",),
    make=make,
)
