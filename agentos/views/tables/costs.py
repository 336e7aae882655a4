"""Costs: what models cost, by day, model, tier and agent."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from agentos.views.tables.common import all_seqs, local_day
from agentos.views.typed import MONEY, SEQS
from agentos.views.view import Column, Moment, View

KEY = ("day", "model", "tier", "agent", "currency")


def make(frames: Mapping[str, pl.LazyFrame], moment: Moment) -> pl.LazyFrame:
    calls = frames["calls"].with_columns(day=local_day("at", moment))
    rows = calls.group_by(*KEY).agg(
        calls=pl.len().cast(pl.UInt32), cached=pl.col("cached").sum().cast(pl.UInt32),
        lost=(pl.col("status") == "lost").sum().cast(pl.UInt32), tokens=pl.col("tokens").sum(),
        cost=pl.col("cost").sum(), median_ms=pl.col("latency_ms").median(), seqs=all_seqs(),
    )  # fmt: skip
    return rows.select(*COLUMNS).sort(*KEY, nulls_last=True)


COLUMNS = {
    "day": Column(pl.Date, "day in the business's time zone on which the call was begun"),
    "model": Column(pl.String, "the model that answered; empty where no answer came"),
    "tier": Column(pl.String, "small, large or local"),
    "agent": Column(pl.String, "role of the agent that asked"),
    "currency": Column(pl.String, "ISO 4217"),
    "calls": Column(pl.UInt32, "calls"),
    "cached": Column(pl.UInt32, "calls for which an earlier answer was used"),
    "lost": Column(pl.UInt32, "calls from which no answer came"),
    "tokens": Column(pl.Int64, "tokens as settled"),
    "cost": Column(MONEY, "cost as settled"),
    "median_ms": Column(pl.Float64, "median of the milliseconds until the answer"),
    "seqs": Column(SEQS, "the events it comes from"),
}

VIEW = View(
    name="costs",
    title="Costs",
    description="What models cost, by day, model, tier and agent.",
    group="money",
    key=KEY,
    columns=COLUMNS,
    depends=("calls",),
    make=make,
    dated=True,
)
