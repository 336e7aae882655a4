"""Steps: one row for each step of a task that was begun."""

from __future__ import annotations

import polars as pl

from agentos.views.fold import Fold, count, first, last, most, seqs
from agentos.views.tables.common import cost_of, hidden
from agentos.views.typed import MONEY, SEQS, TIME
from agentos.views.view import Column, View

_OWN = ("step.started", "step.completed", "step.failed")


def _derive(rows: pl.LazyFrame) -> pl.LazyFrame:
    failed = pl.col("status").is_in(["waiting", "sent_back", "failed"])
    return rows.select(
        code=pl.when(failed).then(pl.col("_code")),
        retry_at=pl.when(pl.col("status") == "waiting").then(pl.col("_retry_at")),
        ended_at=pl.when(pl.col("status") != "started").then(pl.col("_ended_at")),
        **cost_of(),
    )


VIEW = View(
    name="steps",
    title="Steps",
    description="What each agent did in each task, how often it had to try, and what it cost.",
    group="work",
    key=("task", "step"),
    columns={
        "task": Column(pl.String, "id of the task"),
        "step": Column(pl.String, "name of the step in the task's plan"),
        "client": Column(pl.String, "id of the client"),
        "agent": Column(pl.String, "role of the agent"),
        "agent_version": Column(pl.String, "version of the agent's manifest"),
        "tier": Column(pl.String, "tier of models: none, small, large, local"),
        "status": Column(pl.String, "started, completed, waiting (to be tried again), sent_back or failed"),
        "rounds": Column(pl.UInt32, "how often it was begun anew because something before it changed"),
        "attempts": Column(pl.UInt32, "how often it was begun"),
        "failures": Column(pl.UInt32, "attempts that came to nothing"),
        "edits": Column(pl.UInt32, "times that the operator changed what it had made"),
        "confidence": Column(pl.Float64, "what the agent thought of its result, 0 to 1"),
        "code": Column(pl.String, "why it waits or failed, as a code"),
        "retry_at": Column(TIME, "when it is tried again"),
        "started_at": Column(TIME, "when it was first begun"),
        "ended_at": Column(TIME, "when its last attempt ended"),
        "model_calls": Column(pl.UInt32, "answers of models"),
        "tokens": Column(pl.Int64, "tokens of models, as settled"),
        "cost": Column(MONEY, "what models cost, as settled; empty where it was in several currencies"),
        "cost_currency": Column(pl.String, "ISO 4217"),
        "seqs": Column(SEQS, "the events it comes from"),
    },
    fold=Fold(
        key=("task", "step"),
        types=(*_OWN, "model.called", "model.settled", "approval.edited"),
        rules={
            "client": last("client"),
            "agent": last("agent"),
            "agent_version": last("agent_version"),
            "tier": last("tier", "step.started"),
            "status": last("outcome"),
            "rounds": most("round"),
            "attempts": count("step.started"),
            "failures": count("step.failed"),
            "edits": count("approval.edited"),
            "confidence": last("confidence"),
            "_code": last("code"),
            "_retry_at": last("retry_at"),
            "started_at": first("at", "step.started"),
            "_ended_at": last("at", "step.completed", "step.failed"),
            "model_calls": count("model.called"),
            **hidden(),
            "seqs": seqs(),
        },
        derive=_derive,
    ),
)
