"""Tasks: one row for each thing the operator asked for."""

from __future__ import annotations

import polars as pl

from agentos.views.fold import Fold, count, different, first, last, seqs, total
from agentos.views.tables.common import cost_of, hidden
from agentos.views.typed import MONEY, SEQS, TIME
from agentos.views.view import Column, View

CLOSING = ("task.completed", "task.failed", "task.cancelled")
_STATUS = ("task.opened", "task.planned", "task.parked", "task.resumed", *CLOSING)
TYPES = (
    *_STATUS, "step.started", "step.failed", "model.called", "model.settled", "approval.requested", "approval.granted",
    "approval.denied", "approval.answered", "approval.edited", "approval.expired", "approval.superseded",
    "approval.withdrawn", "step.completed", "model.reserved", "effect.started", "effect.done", "effect.found",
    "effect.failed", "effect.in_doubt",
)  # fmt: skip


def _derive(rows: pl.LazyFrame) -> pl.LazyFrame:
    """A closed task stays closed, whatever a worker still said of it. One that was taken up again is planned."""
    kind = pl.coalesce("_closed", "_status").str.strip_prefix("task.")
    taken_up = pl.when(pl.col("planned_at").is_null()).then(pl.lit("opened")).otherwise(pl.lit("planned"))
    parked = pl.when(kind == "parked").then(pl.col("_parked"))
    return rows.select(
        status=pl.when(kind == "resumed").then(taken_up).otherwise(kind),
        parked=parked.list.eval(pl.element().struct.field("kind")),
        parked_on=parked.list.eval(pl.element().struct.field("on")),
        parked_until=parked.list.eval(pl.element().struct.field("until")).list.min(),
        steps=pl.col("_steps").list.len(),
        hours=((pl.col("closed_at") - pl.col("opened_at")).dt.total_seconds() / 3600).round(2),
        interruptions=pl.col("_asks").fill_null(0),
        **cost_of(),
    )


VIEW = View(
    name="tasks",
    title="Tasks",
    description="What was asked for, how far it is, what it waits for and what it cost.",
    group="work",
    key=("task",),
    columns={
        "task": Column(pl.String, "id of the task"),
        "client": Column(pl.String, "id of the client it is for; empty where it is for nobody"),
        "workflow": Column(pl.String, "the recipe it follows"),
        "trigger": Column(pl.String, "where it came from: terminal, schedule, undo, ..."),
        "rehearsal": Column(pl.Boolean, "whether nothing outside was to come of it"),
        "opened_at": Column(TIME, "when it was asked for"),
        "planned_at": Column(TIME, "when its plan stood"),
        "closed_at": Column(TIME, "when it was done, failed or given up"),
        "hours": Column(pl.Float64, "from opened to closed"),
        "by": Column(TIME, "by when it is wanted"),
        "status": Column(pl.String, "opened, planned, parked, completed, failed or cancelled"),
        "parked": Column(pl.List(pl.String), "what it waits for: approval, question, backoff, until, doubt, ..."),
        "parked_on": Column(pl.List(pl.String), "the card or step of each"),
        "parked_until": Column(TIME, "when the first of them is over by itself"),
        "code": Column(pl.String, "why it failed, as a code"),
        "cards": Column(pl.UInt32, "cards that were laid on the desk"),
        "interruptions": Column(pl.UInt32, "cards that asked for something"),
        "edits": Column(pl.UInt32, "cards that the operator answered by changing the work"),
        "steps": Column(pl.UInt32, "steps that were begun"),
        "failed_steps": Column(pl.UInt32, "attempts at a step that came to nothing"),
        "effects": Column(pl.UInt32, "things done outside"),
        "model_calls": Column(pl.UInt32, "answers of models"),
        "tokens": Column(pl.Int64, "tokens of models, as settled"),
        "cost": Column(MONEY, "what models cost, as settled; empty where it was in several currencies"),
        "cost_currency": Column(pl.String, "ISO 4217"),
        "seqs": Column(SEQS, "the events it comes from"),
    },
    fold=Fold(
        key=("task",),
        types=TYPES,
        rules={
            "client": last("client"),
            "workflow": last("workflow"),
            "trigger": first("trigger"),
            "rehearsal": first("rehearsal"),
            "opened_at": first("at", "task.opened"),
            "planned_at": first("at", "task.planned"),
            "closed_at": first("at", *CLOSING),
            "by": last("by"),
            "_status": last("type", *_STATUS),
            "_closed": first("type", *CLOSING),
            "_parked": last("parked"),
            "code": last("code", "task.failed"),
            "cards": count("approval.requested"),
            "_asks": total("asks"),
            "edits": count("approval.edited"),
            "_steps": different("step", "step.started"),
            "failed_steps": count("step.failed"),
            "effects": count("effect.done", "effect.found"),
            "model_calls": count("model.called"),
            **hidden(),
            "_closing": first("seq", *CLOSING),
            "seqs": seqs(),
        },
        derive=_derive,
    ),
)
