"""Calls: one row for each call of a model."""

from __future__ import annotations

import polars as pl

from agentos.views.fold import Fold, count, first, last, seqs
from agentos.views.typed import MONEY, SEQS, TIME
from agentos.views.view import Column, View


def _derive(rows: pl.LazyFrame) -> pl.LazyFrame:
    lost = pl.col("_lost").fill_null(False) & (pl.col("_answers") == 0)
    return rows.select(
        status=pl.when(pl.col("_answers") > 0).then(pl.lit("answered"))
        .when(lost).then(pl.lit("lost")).when(pl.col("settled_at").is_not_null()).then(pl.lit("answered"))
        .otherwise(pl.lit("reserved")),
    )  # fmt: skip


VIEW = View(
    name="calls",
    title="Model calls",
    description="Each call of a model: which one, for which agent, how long it took and what it cost.",
    group="agents",
    key=("task", "call"),
    columns={
        "task": Column(pl.String, "id of the task"),
        "call": Column(pl.String, "the call within the task"),
        "client": Column(pl.String, "id of the client"),
        "step": Column(pl.String, "the step that asked"),
        "agent": Column(pl.String, "role of the agent"),
        "tier": Column(pl.String, "small, large or local"),
        "model": Column(pl.String, "the model that answered"),
        "status": Column(pl.String, "reserved, answered or lost"),
        "at": Column(TIME, "when it was first heard of"),
        "reserved_at": Column(TIME, "when its upper bound was taken from the budgets"),
        "settled_at": Column(TIME, "when its true cost took that place"),
        "latency_ms": Column(pl.Int64, "milliseconds until the answer"),
        "cached": Column(pl.Boolean, "whether an earlier answer was used"),
        "tokens_in": Column(pl.Int64, "tokens of the request"),
        "tokens_out": Column(pl.Int64, "tokens of the answer"),
        "tokens": Column(pl.Int64, "tokens as settled"),
        "reserved": Column(MONEY, "upper bound that was reserved"),
        "cost": Column(MONEY, "cost as settled"),
        "currency": Column(pl.String, "ISO 4217"),
        "seqs": Column(SEQS, "the events it comes from"),
    },
    fold=Fold(
        key=("task", "call"),
        types=("model.reserved", "model.called", "model.settled"),
        rules={
            "client": last("client"),
            "step": first("step"),
            "agent": last("by_agent"),
            "tier": last("tier"),
            "model": last("model"),
            "_answers": count("model.called"),
            "_lost": last("lost"),
            "at": first("at"),
            "reserved_at": first("at", "model.reserved"),
            "settled_at": first("at", "model.settled"),
            "latency_ms": last("latency_ms"),
            "cached": last("cached"),
            "tokens_in": last("tokens_in"),
            "tokens_out": last("tokens_out"),
            "tokens": last("tokens"),
            "reserved": last("reserved"),
            "cost": last("cost"),
            "currency": last("currency"),
            "seqs": seqs(),
        },
        derive=_derive,
    ),
)
