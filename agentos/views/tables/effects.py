"""Effects: one row for each thing that was done outside, or was to be done."""

from __future__ import annotations

import polars as pl

from agentos.views.fold import Fold, first, last, most, seqs
from agentos.views.typed import MONEY, SEQS, TIME
from agentos.views.view import Column, View


def _derive(rows: pl.LazyFrame) -> pl.LazyFrame:
    """What is done stays done, until the effect that undoes it is done as well."""
    undone = (
        rows.filter(pl.col("undoes").is_not_null() & pl.col("done_at").is_not_null())
        .select(effect="undoes", undone_by="effect")
        .unique("effect", keep="last", maintain_order=True)
    )
    done = pl.col("done_at").is_not_null()
    joined = rows.join(undone, on="effect", how="left", maintain_order="left")
    return joined.select(
        status=pl.when(pl.col("undone_by").is_not_null() & done).then(pl.lit("undone"))
        .when(done).then(pl.lit("done")).otherwise(pl.col("_outcome")),
        code=pl.when(~done & pl.col("_outcome").is_in(["waiting", "failed"])).then(pl.col("_code")),
        retry_at=pl.when(~done & (pl.col("_outcome") == "waiting")).then(pl.col("_retry_at")),
        undone_by="undone_by",
    )  # fmt: skip


VIEW = View(
    name="effects",
    title="Effects",
    description="What was done outside: posts, invoices, ledger entries and mails, on whose authority, and what became "
    "of it.",
    group="trust",
    key=("effect",),
    columns={
        "effect": Column(pl.String, "the idempotency key: account, verb, slot"),
        "task": Column(pl.String, "id of the task that began it"),
        "client": Column(pl.String, "id of the client"),
        "step": Column(pl.String, "the step that carries it out"),
        "system": Column(pl.String, "site, invoice, ledger or mail"),
        "account": Column(pl.String, "which account of the system"),
        "verb": Column(pl.String, "publish, issue, credit, book, receive, reverse, send, ..."),
        "status": Column(pl.String, "started, waiting (to be tried again), done, undone, in_doubt or failed"),
        "entry": Column(pl.String, "of a ledger entry: whether it is about a booking (book) or money (receive)"),
        "net": Column(MONEY, "net amount"),
        "vat": Column(MONEY, "VAT"),
        "amount": Column(MONEY, "gross amount"),
        "currency": Column(pl.String, "ISO 4217"),
        "number": Column(pl.String, "number of the invoice or credit note it is about"),
        "on": Column(pl.Date, "the day that stands on it: of issue, of booking, of payment"),
        "due": Column(pl.Date, "when an invoice is to be paid"),
        "started_at": Column(TIME, "when it was first begun"),
        "done_at": Column(TIME, "when its receipt was recorded"),
        "attempts": Column(pl.UInt32, "how often it was tried"),
        "authority": Column(pl.String, "the card that allowed it, or policy, operator, unwind, adopted"),
        "code": Column(pl.String, "why it waits or failed, as a code"),
        "retry_at": Column(TIME, "when it is tried again"),
        "undoes": Column(pl.String, "the effect that it takes back"),
        "undone_by": Column(pl.String, "the effect that took it back"),
        "seqs": Column(SEQS, "the events it comes from"),
    },
    fold=Fold(
        key=("effect",),
        types=("effect.started", "effect.done", "effect.found", "effect.failed", "effect.in_doubt"),
        rules={
            "task": first("task"),
            "client": last("client"),
            "step": last("step"),
            "system": last("system"),
            "account": last("account"),
            "verb": last("verb"),
            "entry": last("entry"),
            "net": last("net"),
            "vat": last("vat"),
            "amount": last("gross"),
            "currency": last("currency"),
            "number": last("number"),
            "on": last("on"),
            "due": last("due"),
            "started_at": first("at", "effect.started"),
            "done_at": first("at", "effect.done", "effect.found"),
            "attempts": most("attempt"),
            "authority": last("authority"),
            "_outcome": last("outcome"),
            "_code": last("code"),
            "_retry_at": last("retry_at"),
            "undoes": last("undoes"),
            "seqs": seqs(),
        },
        derive=_derive,
    ),
)
