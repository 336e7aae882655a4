"""Postings: the sides of every ledger entry that stands."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from agentos.views.typed import MONEY, SEQS
from agentos.views.view import Column, Moment, View

RECEIVABLE, INCOME, OUTPUT_VAT, BANK = "receivable", "income", "output VAT", "bank"
_SIDES = {
    "book": ((RECEIVABLE, "amount", 1), (INCOME, "net", -1), (OUTPUT_VAT, "vat", -1)),
    "receive": ((BANK, "amount", 1), (RECEIVABLE, "amount", -1)),
}


def make(frames: Mapping[str, pl.LazyFrame], moment: Moment) -> pl.LazyFrame:
    """A reversal has the sides of what it reverses, with their signs turned; both stay, as in the books."""
    done = frames["effects"].filter(pl.col("system") == "ledger", pl.col("done_at").is_not_null())
    sides = [_side(done, kind, *side) for kind, all in _SIDES.items() for side in all]
    rows = pl.concat(sides).filter(pl.col("amount") != 0)
    return rows.select(*COLUMNS).sort("seqs", "account")


def _side(done: pl.LazyFrame, kind: str, account: str, column: str, sign: int) -> pl.LazyFrame:
    turned = pl.when((pl.col("verb") == "reverse") == (sign > 0)).then(-pl.col(column)).otherwise(pl.col(column))
    return done.filter(pl.col("entry") == kind).with_columns(
        account=pl.lit(account), amount=turned, invoice="number", reversal=pl.col("verb") == "reverse"
    )


COLUMNS = {
    "effect": Column(pl.String, "key of the effect that booked it"),
    "account": Column(pl.String, "receivable, income, output VAT or bank"),
    "amount": Column(MONEY, "debit above zero, credit below; the sides of an entry add up to zero"),
    "currency": Column(pl.String, "ISO 4217"),
    "on": Column(pl.Date, "day of the entry"),
    "client": Column(pl.String, "id of the client"),
    "invoice": Column(pl.String, "number of the invoice"),
    "entry": Column(pl.String, "whether it is about a booking (book) or money (receive)"),
    "reversal": Column(pl.Boolean, "whether it takes another entry back"),
    "task": Column(pl.String, "id of the task"),
    "seqs": Column(SEQS, "the events it comes from"),
}

VIEW = View(
    name="postings",
    title="Postings",
    description="The sides of every ledger entry, as they were booked.",
    group="money",
    key=("effect", "account"),
    columns=COLUMNS,
    depends=("effects",),
    make=make,
)
