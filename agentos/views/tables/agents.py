"""Agents: how good the work of each is."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from agentos.views.tables.common import all_seqs
from agentos.views.typed import MONEY, SEQS
from agentos.views.view import Column, Moment, View


def make(frames: Mapping[str, pl.LazyFrame], moment: Moment) -> pl.LazyFrame:
    """`refuted`: times that a later step sent the agent's work back. A step that was begun anew although it had been
    done was sent back, or rests on one that was."""
    steps = frames["steps"].filter(pl.col("agent").is_not_null())
    currencies = pl.col("cost_currency").drop_nulls().n_unique()
    redone = pl.max_horizontal(pl.col("rounds").cast(pl.Int64) - 1, 0)
    rows = steps.group_by("agent", "agent_version").agg(
        steps=pl.len().cast(pl.UInt32),
        failed=(pl.col("status") == "failed").sum().cast(pl.UInt32),
        retried=(pl.col("attempts") > pl.col("rounds")).sum().cast(pl.UInt32),
        sent_back=(pl.col("status") == "sent_back").sum().cast(pl.UInt32),
        redone=redone.sum().cast(pl.UInt32), edits=pl.col("edits").sum(),
        confidence=pl.col("confidence").mean().round(4), model_calls=pl.col("model_calls").sum(),
        tokens=pl.col("tokens").sum(), cost=pl.when(currencies <= 1).then(pl.col("cost").sum()),
        cost_currency=pl.when(currencies == 1).then(pl.col("cost_currency").drop_nulls().first()), seqs=all_seqs(),
    )  # fmt: skip
    return rows.select(*COLUMNS).sort("agent", "agent_version")


COLUMNS = {
    "agent": Column(pl.String, "role of the agent"),
    "agent_version": Column(pl.String, "version of its manifest"),
    "steps": Column(pl.UInt32, "steps it was given"),
    "failed": Column(pl.UInt32, "steps that failed for good"),
    "retried": Column(pl.UInt32, "steps that had to be tried more than once"),
    "sent_back": Column(pl.UInt32, "steps that end with sending other work back"),
    "redone": Column(
        pl.UInt32, "rounds that were done anew, because its work or what it rests on was sent back or edited"
    ),
    "edits": Column(pl.UInt32, "times that the operator changed its work"),
    "confidence": Column(pl.Float64, "mean of what it thought of its results, 0 to 1"),
    "model_calls": Column(pl.UInt32, "answers of models"),
    "tokens": Column(pl.Int64, "tokens of models, as settled"),
    "cost": Column(MONEY, "what models cost, as settled; empty where it was in several currencies"),
    "cost_currency": Column(pl.String, "ISO 4217"),
    "seqs": Column(SEQS, "the events it comes from"),
}

VIEW = View(
    name="agents",
    title="Agents",
    description="How good each agent's work is: failures, retries, edits afterwards, confidence, cost.",
    group="agents",
    key=("agent", "agent_version"),
    columns=COLUMNS,
    depends=("steps",),
    make=make,
)
