"""Approvals: one row for each card that was laid on the desk."""

from __future__ import annotations

import polars as pl

from agentos.views.fold import Fold, first, last, seqs, total
from agentos.views.typed import SEQS, TIME
from agentos.views.view import Column, View

_DECIDED = (
    "approval.granted", "approval.denied", "approval.answered", "approval.edited", "approval.expired",
    "approval.superseded", "approval.withdrawn",
)  # fmt: skip


def _derive(rows: pl.LazyFrame) -> pl.LazyFrame:
    return rows.select(
        status=pl.col("_status").str.strip_prefix("approval.").replace("requested", "open"),
        effects=pl.col("_asked").list.eval(pl.element().struct.field("effect")),
        wait_seconds=(pl.col("decided_at") - pl.col("asked_at")).dt.total_seconds(),
        asks=pl.col("_asks") > 0,
    )


VIEW = View(
    name="approvals",
    title="Approvals",
    description="What the operator was asked, why, what she said and how long it took.",
    group="agents",
    key=("card",),
    columns={
        "card": Column(pl.String, "id of the card"),
        "task": Column(pl.String, "id of the task"),
        "client": Column(pl.String, "id of the client"),
        "step": Column(pl.String, "the step that asks"),
        "kind": Column(pl.String, "effects, question, doubt, failure or budget"),
        "status": Column(pl.String, "open, granted, denied, answered, edited, expired, superseded or withdrawn"),
        "asks": Column(pl.Boolean, "whether it asks for something; a notice only tells"),
        "asked_at": Column(TIME, "when it was laid on the desk"),
        "expires_at": Column(TIME, "when no answer counts as no"),
        "decided_at": Column(TIME, "when it was decided, or fell away"),
        "wait_seconds": Column(pl.Int64, "from asked to decided"),
        "via": Column(pl.String, "where it was answered: terminal, desk, rehearsal"),
        "effects": Column(pl.List(pl.String), "keys of the effects it covers"),
        "struck": Column(pl.UInt32, "effects that were struck out when it was granted"),
        "reasons": Column(pl.List(pl.String), "codes of why it asks"),
        "seqs": Column(SEQS, "the events it comes from"),
    },
    fold=Fold(
        key=("card",),
        types=("approval.requested", *_DECIDED),
        rules={
            "task": first("task"),
            "client": last("client"),
            "step": first("step", "approval.requested"),
            "kind": first("kind"),
            "_status": last("type"),
            "_asks": total("asks"),
            "_asked": first("asked"),
            "asked_at": first("at", "approval.requested"),
            "expires_at": first("expires_at"),
            "decided_at": last("at", *_DECIDED),
            "via": last("via"),
            "struck": last("struck"),
            "reasons": first("reasons"),
            "seqs": seqs(),
        },
        derive=_derive,
    ),
)
