"""Invoices: what each asks for, what was paid of it, and whether it is late."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from agentos.views.tables.common import all_seqs
from agentos.views.typed import MONEY, SEQS
from agentos.views.view import Column, Moment, View

_BEGUN = ("started", "waiting", "in_doubt")


def make(frames: Mapping[str, pl.LazyFrame], moment: Moment) -> pl.LazyFrame:
    effects = frames["effects"]
    rows = pl.concat([_issued(effects), _asked(frames["approvals"], effects)], how="diagonal_relaxed")
    rows = rows.join(_payments(effects), on=["number", "currency"], how="left", maintain_order="left")
    paid = pl.col("paid").fill_null(pl.lit(0, MONEY))
    rows = rows.with_columns(paid=paid, open=pl.when(pl.col("status") == "issued").then(pl.col("gross") - paid))
    rows = rows.with_columns(
        status=_status(moment),
        seqs=pl.concat_list("seqs", pl.col("payment_seqs").fill_null([])).list.unique().list.sort(),
        late_days=_late_days(moment),
    )
    return rows.select(*COLUMNS).sort("seqs", "invoice")


def _issued(effects: pl.LazyFrame) -> pl.LazyFrame:
    """Those that have a number: issued, taken back, or on their way."""
    ours = (pl.col("system") == "invoice") & (pl.col("verb") == "issue") & (pl.col("status") != "failed")
    credits = effects.filter(pl.col("undoes").is_not_null()).select(undone_by="effect", credit_seqs="seqs")
    rows = effects.filter(ours).join(credits, on="undone_by", how="left", maintain_order="left")
    status = (
        pl.when(pl.col("status") == "undone").then(pl.lit("credited"))
        .when(pl.col("status").is_in(_BEGUN)).then(pl.lit("draft")).otherwise(pl.lit("issued"))
    )  # fmt: skip
    return rows.select(
        "number", "effect", "task", "client", "net", "vat", "currency",
        invoice=pl.coalesce("number", "effect"), status=status, issued_on=pl.when(status != "draft").then("on"),
        due_on="due", gross="amount", credited_by="undone_by",
        seqs=pl.concat_list("seqs", pl.col("credit_seqs").fill_null([])),
    )  # fmt: skip


def _asked(approvals: pl.LazyFrame, effects: pl.LazyFrame) -> pl.LazyFrame:
    """Those on an open card: they have no number yet."""
    asked = approvals.filter(pl.col("status") == "open").explode("_asked", empty_as_null=False, keep_nulls=False)
    asked = asked.unnest("_asked", separator=".")
    rows = asked.filter(pl.col("_asked.effect").str.contains(r"^invoice:[^/]*/issue/"))
    rows = rows.join(effects, left_on="_asked.effect", right_on="effect", how="anti")
    return rows.select(
        "task", "client", "seqs", effect="_asked.effect", invoice="_asked.effect", status=pl.lit("draft"),
        gross=pl.col("_asked.gross").cast(MONEY, strict=False), currency="_asked.currency",
    )  # fmt: skip


def _payments(effects: pl.LazyFrame) -> pl.LazyFrame:
    """Money that was booked as received and not reversed, by invoice."""
    received = (pl.col("system") == "ledger") & (pl.col("verb") == "receive") & (pl.col("status") == "done")
    return (
        effects.filter(received, pl.col("number").is_not_null())
        .group_by("number", "currency")
        .agg(paid=pl.col("amount").sum(), paid_on=pl.col("on").max(), payment_seqs=all_seqs().alias("payment_seqs"))
    )


def _status(moment: Moment) -> pl.Expr:
    return (
        pl.when(pl.col("status") != "issued").then(pl.col("status"))
        .when(pl.col("open") <= 0).then(pl.lit("paid"))
        .when(pl.col("due_on") < moment.today).then(pl.lit("overdue"))
        .when(pl.col("paid") > 0).then(pl.lit("partly"))
        .otherwise(pl.lit("open"))
    )  # fmt: skip


def _late_days(moment: Moment) -> pl.Expr:
    until = pl.when(pl.col("open") <= 0).then(pl.col("paid_on")).otherwise(pl.lit(moment.today))
    days = (until - pl.col("due_on")).dt.total_days()
    return pl.when(pl.col("status") == "issued").then(pl.max_horizontal(days, 0))


COLUMNS = {
    "invoice": Column(pl.String, "its number; of a draft without one the key of its effect"),
    "number": Column(pl.String, "as it is printed"),
    "client": Column(pl.String, "id of the client"),
    "status": Column(pl.String, "draft, open, partly, paid, overdue or credited"),
    "issued_on": Column(pl.Date, "day of issue"),
    "due_on": Column(pl.Date, "when it is to be paid; with instalments, the last of them"),
    "net": Column(MONEY, "net amount"),
    "vat": Column(MONEY, "VAT"),
    "gross": Column(MONEY, "what is to be paid"),
    "paid": Column(MONEY, "what was paid of it"),
    "open": Column(MONEY, "what is still to be paid; empty for a draft and a credited one"),
    "currency": Column(pl.String, "ISO 4217"),
    "paid_on": Column(pl.Date, "day of the last payment"),
    "late_days": Column(pl.Int64, "days after the due day, until it was paid in full or until today"),
    "task": Column(pl.String, "id of the task"),
    "effect": Column(pl.String, "key of the effect that issues it"),
    "credited_by": Column(pl.String, "key of the credit note's effect"),
    "seqs": Column(SEQS, "the events it comes from"),
}

VIEW = View(
    name="invoices",
    title="Invoices",
    description="Each invoice with what was paid of it, what is open, and whether it is late.",
    group="money",
    key=("invoice",),
    columns=COLUMNS,
    depends=("effects", "approvals"),
    make=make,
    dated=True,
)
