"""Clients: how it stands with each of them."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from agentos.views.tables.common import all_seqs
from agentos.views.tables.receivables import OWED
from agentos.views.typed import MONEY, SEQS, TIME
from agentos.views.view import Column, Moment, View

OPEN = ("opened", "planned", "parked")


def make(frames: Mapping[str, pl.LazyFrame], moment: Moment) -> pl.LazyFrame:
    tasks, bills = _tasks(frames["tasks"]), _bills(frames["invoices"])
    rows = tasks.join(bills, on="client", how="full", coalesce=True)
    counts = [pl.col(name).fill_null(0) for name in ("tasks", "open_tasks", "invoices", "overdue", "late_payments")]
    both = [pl.col(name).fill_null([]) for name in ("seqs", "bill_seqs")]
    rows = rows.with_columns(*counts, seqs=pl.concat_list(*both).list.unique().list.sort(), status=_status())
    return rows.select(*COLUMNS).sort("client")


def _tasks(tasks: pl.LazyFrame) -> pl.LazyFrame:
    theirs = tasks.filter(pl.col("client").is_not_null(), ~pl.col("rehearsal").fill_null(False))
    asked = pl.col("trigger") != "undo"
    return theirs.group_by("client").agg(
        tasks=pl.len().cast(pl.UInt32), last_order=pl.col("opened_at").filter(asked).max(),
        open_tasks=pl.col("status").is_in(OPEN).sum().cast(pl.UInt32), seqs=all_seqs(),
    )  # fmt: skip


def _bills(invoices: pl.LazyFrame) -> pl.LazyFrame:
    """Amounts in different currencies don't add up: what is open is told where there is one currency."""
    issued = invoices.filter(pl.col("client").is_not_null(), pl.col("status") != "draft")
    owed, late = pl.col("status").is_in(OWED), pl.col("late_days") > 0
    currencies = pl.col("currency").n_unique()
    return issued.group_by("client").agg(
        invoices=pl.len().cast(pl.UInt32), overdue=(pl.col("status") == "overdue").sum().cast(pl.UInt32),
        open_amount=pl.when(currencies == 1).then(pl.when(owed).then(pl.col("open")).sum()),
        billed=pl.when(currencies == 1).then(pl.col("gross").filter(pl.col("status") != "credited").sum()),
        currency=pl.when(currencies == 1).then(pl.col("currency").first()),
        late_payments=(late & (pl.col("status") == "paid")).sum().cast(pl.UInt32),
        last_invoice=pl.col("issued_on").max(), bill_seqs=all_seqs().alias("bill_seqs"),
    )  # fmt: skip


def _status() -> pl.Expr:
    return (
        pl.when(pl.col("overdue").fill_null(0) > 0).then(pl.lit("late"))
        .when(pl.col("open_tasks").fill_null(0) > 0).then(pl.lit("active"))
        .when(pl.col("open_amount") > 0).then(pl.lit("owing"))
        .otherwise(pl.lit("quiet"))
    )  # fmt: skip


COLUMNS = {
    "client": Column(pl.String, "id of the client"),
    "status": Column(pl.String, "late (an invoice is overdue), active (a task is open), owing or quiet"),
    "last_order": Column(TIME, "when something was last asked for"),
    "tasks": Column(pl.UInt32, "tasks for this client"),
    "open_tasks": Column(pl.UInt32, "those that are not closed"),
    "invoices": Column(pl.UInt32, "invoices issued"),
    "last_invoice": Column(pl.Date, "day of the newest"),
    "billed": Column(MONEY, "gross of all that were not credited; empty where there are several currencies"),
    "open_amount": Column(MONEY, "what is still to be paid; empty where there are several currencies"),
    "currency": Column(pl.String, "ISO 4217"),
    "overdue": Column(pl.UInt32, "invoices that are late now"),
    "late_payments": Column(pl.UInt32, "invoices that were paid after their due day"),
    "seqs": Column(SEQS, "the events it comes from"),
}

VIEW = View(
    name="clients",
    title="Clients",
    description="How it stands with each client: last order, open work, open invoices, late payments.",
    group="clients",
    key=("client",),
    columns=COLUMNS,
    depends=("tasks", "invoices"),
    make=make,
    dated=True,
)
