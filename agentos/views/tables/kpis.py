"""KPIs: how the business does, by day, week and month."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from agentos.views.tables.common import local_day
from agentos.views.typed import MONEY, SEQS
from agentos.views.view import Column, Moment, View

GRAINS = {"day": "1d", "week": "1w", "month": "1mo"}
KEY = ("grain", "start", "currency")


def make(frames: Mapping[str, pl.LazyFrame], moment: Moment) -> pl.LazyFrame:
    """Facts with a day each, then summed for each grain. Amounts stand in the row of their currency, counts in a row
    without one: so no column adds up to more than there was."""
    facts = pl.concat(
        [
            _revenue(frames["invoices"]),
            _paid(frames["effects"]),
            _done(frames["tasks"], moment),
            _asked(frames["approvals"], moment),
            _cost(frames["calls"], moment),
        ],
        how="diagonal_relaxed",
    )
    rows = pl.concat([_grain(facts, name, every) for name, every in GRAINS.items()])
    return rows.select(*COLUMNS).sort(*KEY, nulls_last=True)


def _revenue(invoices: pl.LazyFrame) -> pl.LazyFrame:
    issued = invoices.filter(pl.col("issued_on").is_not_null(), pl.col("status") != "credited")
    return issued.select("currency", "seqs", day="issued_on", revenue="net", invoices=_each("invoice"))


def _paid(effects: pl.LazyFrame) -> pl.LazyFrame:
    received = effects.filter(
        pl.col("system") == "ledger",
        pl.col("verb") == "receive",
        pl.col("status") == "done",
        pl.col("on").is_not_null(),
    )
    return received.select("currency", "seqs", day="on", received="amount")


def _done(tasks: pl.LazyFrame, moment: Moment) -> pl.LazyFrame:
    done = tasks.filter(pl.col("status") == "completed", ~pl.col("rehearsal").fill_null(False))
    return done.select(
        "hours", day=local_day("closed_at", moment), tasks_done=_each("task"), seqs=pl.concat_list("_closing")
    )


def _asked(approvals: pl.LazyFrame, moment: Moment) -> pl.LazyFrame:
    asked = approvals.filter("asks")
    return asked.select(
        day=local_day("asked_at", moment), interruptions=_each("card"), seqs=pl.col("seqs").list.head(1)
    )


def _cost(calls: pl.LazyFrame, moment: Moment) -> pl.LazyFrame:
    return calls.filter(pl.col("cost").is_not_null()).select(
        "currency", "cost", day=local_day("at", moment), seqs=pl.col("seqs").list.tail(1)
    )


def _each(key: str) -> pl.Expr:
    """One for each row; by its key, so that lineage says what is counted."""
    return pl.col(key).is_not_null().cast(pl.UInt32)


def _grain(facts: pl.LazyFrame, name: str, every: str) -> pl.LazyFrame:
    start = pl.col("day").dt.truncate(every)
    return facts.filter(pl.col("day").is_not_null()).group_by(start.alias("start"), "currency").agg(
        grain=pl.lit(name), revenue=pl.col("revenue").sum(), invoices=pl.col("invoices").sum(),
        received=pl.col("received").sum(), tasks_done=pl.col("tasks_done").sum(),
        median_hours=pl.col("hours").median().round(2), interruptions=pl.col("interruptions").sum(),
        model_cost=pl.col("cost").sum(), seqs=pl.col("seqs").explode(empty_as_null=False).unique().sort(),
    )  # fmt: skip


COLUMNS = {
    "grain": Column(pl.String, "day, week (from Monday) or month"),
    "start": Column(pl.Date, "first day of it, in the business's time zone"),
    "currency": Column(pl.String, "ISO 4217 of the amounts; empty in the row of what is counted"),
    "revenue": Column(MONEY, "net of the invoices issued, without those that were credited"),
    "invoices": Column(pl.UInt32, "invoices issued"),
    "received": Column(MONEY, "money that came in"),
    "tasks_done": Column(pl.UInt32, "tasks completed"),
    "median_hours": Column(pl.Float64, "median of the hours from opened to completed"),
    "interruptions": Column(pl.UInt32, "cards that asked for something"),
    "model_cost": Column(MONEY, "what models cost, as settled"),
    "seqs": Column(SEQS, "the events it comes from"),
}

VIEW = View(
    name="kpis",
    title="Key figures",
    description="How the business does by day, week and month: revenue, money in, work done, interruptions, cost.",
    group="work",
    key=KEY,
    columns=COLUMNS,
    depends=("invoices", "effects", "tasks", "approvals", "calls"),
    make=make,
    dated=True,
)
