"""Reconciliation: whether each outside system agrees with the log."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from agentos.views.tables.common import all_seqs
from agentos.views.typed import SEQS, TIME
from agentos.views.view import Column, Moment, View

OPEN = ("open", "repairing")
_COUNTS = ("effects", "in_doubt", "open", "repaired", "accepted", "failed")


def make(frames: Mapping[str, pl.LazyFrame], moment: Moment) -> pl.LazyFrame:
    rows = _effects(frames["effects"]).join(_drifts(frames["drifts"]), on="system", how="full", coalesce=True)
    counts = [pl.col(name).fill_null(0) for name in _COUNTS]
    return rows.with_columns(*counts, pl.col("seqs").fill_null([])).select(*COLUMNS).sort("system")


def _effects(effects: pl.LazyFrame) -> pl.LazyFrame:
    return effects.filter(pl.col("system").is_not_null()).group_by("system").agg(
        effects=(pl.col("status") == "done").sum().cast(pl.UInt32),
        in_doubt=(pl.col("status") == "in_doubt").sum().cast(pl.UInt32),
    )  # fmt: skip


def _drifts(drifts: pl.LazyFrame) -> pl.LazyFrame:
    def counted(*statuses: str) -> pl.Expr:
        return pl.col("status").is_in(statuses).sum().cast(pl.UInt32)

    return drifts.filter(pl.col("system").is_not_null()).group_by("system").agg(
        open=counted(*OPEN), repaired=counted("repaired", "mended", "gone"), accepted=counted("kept"),
        failed=counted("failed"), last_seen=pl.col("last_at").max(), seqs=all_seqs(),
    )  # fmt: skip


COLUMNS = {
    "system": Column(pl.String, "site, invoice, ledger or mail"),
    "effects": Column(pl.UInt32, "things done there that stand"),
    "in_doubt": Column(pl.UInt32, "things of which nobody knows whether they happened"),
    "open": Column(pl.UInt32, "drifts that are open, or under repair"),
    "repaired": Column(pl.UInt32, "drifts that ended with the world as the log says"),
    "accepted": Column(pl.UInt32, "drifts that the operator lets stand"),
    "failed": Column(pl.UInt32, "drifts whose repair failed"),
    "last_seen": Column(TIME, "when a drift was last found"),
    "seqs": Column(SEQS, "the events that its drifts come from"),
}

VIEW = View(
    name="reconciliation",
    title="Reconciliation",
    description="Whether each outside system agrees with the log: drifts that are open, repaired, accepted.",
    group="trust",
    key=("system",),
    columns=COLUMNS,
    depends=("effects", "drifts"),
    make=make,
)
