"""Drifts: one row for each way in which the outside world was found to differ from the log."""

from __future__ import annotations

import polars as pl

from agentos.views.fold import Fold, count, first, last, seqs, total
from agentos.views.typed import SEQS, TIME
from agentos.views.view import Column, View

_DRIFT, _REPAIR = ("drift.detected", "drift.closed"), ("repair.opened", "repair.closed")


def _derive(rows: pl.LazyFrame) -> pl.LazyFrame:
    is_open = pl.col("_drift") == "drift.detected"
    repairing = pl.when(pl.col("_repair") == "repair.opened").then(pl.lit("repairing")).otherwise(pl.lit("open"))
    return rows.select(
        status=pl.when(is_open).then(repairing).otherwise(pl.col("_how")),
        closed_at=pl.when(~is_open).then(pl.col("_closed_at")),
        escalated=pl.col("_escalated").fill_null(0) > 0,
    )


VIEW = View(
    name="drifts",
    title="Drifts",
    description="Where the outside world was found to differ from the log, and what was done about it.",
    group="trust",
    key=("fingerprint",),
    columns={
        "fingerprint": Column(pl.String, "what the drift is known by, however often it comes"),
        "system": Column(pl.String, "site, invoice, ledger or mail"),
        "kind": Column(pl.String, "missing, changed, returned, unknown, double or unassigned"),
        "client": Column(pl.String, "id of the client"),
        "effect": Column(pl.String, "key of the effect that it is about"),
        "status": Column(pl.String, "open, repairing, or how it ended: repaired, mended, kept, gone or failed"),
        "detected": Column(pl.UInt32, "how often it came"),
        "escalated": Column(pl.Boolean, "whether it came back after a repair"),
        "repair": Column(pl.String, "id of the task that repairs it"),
        "first_at": Column(TIME, "when it was first found"),
        "last_at": Column(TIME, "when it was last found"),
        "closed_at": Column(TIME, "when it ended"),
        "seqs": Column(SEQS, "the events it comes from"),
    },
    fold=Fold(
        key=("fingerprint",),
        types=(*_DRIFT, *_REPAIR),
        rules={
            "system": last("system"),
            "kind": last("kind"),
            "client": last("client"),
            "effect": last("effect"),
            "_drift": last("type", *_DRIFT),
            "_repair": last("type", *_REPAIR),
            "_how": last("how", "drift.closed"),
            "_escalated": total("escalated"),
            "detected": count("drift.detected"),
            "repair": last("repair"),
            "first_at": first("at", "drift.detected"),
            "last_at": last("at", "drift.detected"),
            "_closed_at": last("at", "drift.closed"),
            "seqs": seqs(),
        },
        derive=_derive,
    ),
)
