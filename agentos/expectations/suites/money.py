"""What is owed and what was booked."""

from __future__ import annotations

import polars as pl

from agentos.expectations.beside import Beside
from agentos.expectations.great import between, in_order, never, not_negative, one_of, present, unique, when, zero
from agentos.expectations.suite import suite

OWED = ("open", "partly", "overdue")
ISSUED = (*OWED, "paid", "credited")
ACCOUNTS = ("receivable", "income", "output VAT", "bank")


def _invoices(invoices: pl.DataFrame, beside: Beside) -> pl.DataFrame:
    numbers = beside.views["numbers"].filter(pl.col("series") == "invoice", pl.col("status") == "assigned")
    issued = pl.col("status").is_in(ISSUED)
    return invoices.with_columns(
        apart=pl.col("gross") - pl.col("net") - pl.col("vat"),
        open_apart=pl.col("open") - (pl.col("gross") - pl.col("paid")),
        numberless=issued & ~pl.col("number").is_in(numbers["number"].to_list()).fill_null(False),
        paid_and_owed=(pl.col("status") == "paid") & (pl.col("open") > 0),
        owed_and_paid=pl.col("status").is_in(OWED) & (pl.col("open") <= 0),
        credited_and_open=(pl.col("status") == "credited") & (pl.col("open") != 0),
        unpaid_in=pl.col("gross").is_not_null() & pl.col("currency").is_null(),
    )


INVOICES = suite(
    "invoices",
    present("invoice"),
    one_of("status", ("draft", *ISSUED)),
    present("number", "an issued invoice has its number", where=when("status", *ISSUED)),
    unique("number"),
    never("numberless", "the number of an issued invoice was given out and is not voided"),
    present("issued_on", "an issued invoice has its day", where=when("status", *ISSUED)),
    present("gross", "an issued invoice says what is to be paid", where=when("status", *ISSUED)),
    never("unpaid_in", "an amount has its currency"),
    zero("apart", "gross is net plus VAT"),
    not_negative("gross", "net", "vat", "paid"),
    present("open", "what is owed says how much", where=when("status", *OWED)),
    zero("open_apart", "open is gross less what was paid"),
    between("open", 0, None, "nobody paid more than was asked", severity="warning"),
    never("paid_and_owed", "a paid invoice is not owed"),
    never("owed_and_paid", "an invoice that is owed is not paid"),
    never("credited_and_open", "a credited invoice is not owed"),
    present("credited_by", "a credited invoice names its credit note", where=when("status", "credited")),
    in_order("issued_on", "due_on", severity="warning"),
    derive=_invoices,
    needs=("numbers",),
)


def _owed(beside: Beside) -> pl.DataFrame:
    owed = beside.views["invoices"].filter(pl.col("status").is_in(OWED))
    late = pl.col("open").filter(pl.col("status") == "overdue").sum()
    return owed.group_by("client", "currency").agg(_open=pl.col("open").sum(), _late=late, _count=pl.len())


def _receivables(receivables: pl.DataFrame, beside: Beside) -> pl.DataFrame:
    keys = ["client", "currency"]
    wide = receivables.join(_owed(beside), on=keys, how="left", maintain_order="left", nulls_equal=True)
    return wide.with_columns(
        open_apart=pl.col("open") - pl.col("_open").fill_null(0),
        late_apart=pl.col("overdue") - pl.col("_late").fill_null(0),
        count_apart=pl.col("invoices").cast(pl.Int64) - pl.col("_count").fill_null(0).cast(pl.Int64),
    )


RECEIVABLES = suite(
    "receivables",
    present("currency"),
    present("open"),
    zero("open_apart", "open is the sum of the client's open invoices"),
    zero("late_apart", "overdue is the sum of those that are late"),
    zero("count_apart", "invoices are as many as are open"),
    not_negative("open", "overdue"),
    in_order("overdue", "open", "no more is late than is open"),
    derive=_receivables,
    needs=("invoices",),
    rows=lambda beside: _owed(beside).height,
)


def _sides(beside: Beside) -> int:
    """Sides of an entry without an amount are not written."""
    effects = beside.views["effects"].filter(pl.col("system") == "ledger", pl.col("done_at").is_not_null())
    amounts = {"book": ("amount", "net", "vat"), "receive": ("amount", "amount")}
    return sum(
        effects.filter(pl.col("entry") == entry, pl.col(column) != 0).height
        for entry, columns in amounts.items()
        for column in columns
    )


POSTINGS = suite(
    "postings",
    present("effect"),
    present("amount"),
    present("currency"),
    present("on", severity="warning"),
    one_of("account", ACCOUNTS),
    zero("apart", "the sides of an entry add up to zero"),
    derive=lambda postings, _: postings.with_columns(apart=pl.col("amount").sum().over("effect", "currency")),
    needs=("effects",),
    rows=_sides,
)


def _booked(beside: Beside) -> pl.DataFrame:
    return beside.views["postings"].group_by("account", "currency").agg(_sum=pl.col("amount").sum())


def _balances(balances: pl.DataFrame, beside: Beside) -> pl.DataFrame:
    keys = ["account", "currency"]
    wide = balances.join(_booked(beside), on=keys, how="left", maintain_order="left", nulls_equal=True)
    return wide.with_columns(
        sum_apart=pl.col("balance") - pl.col("_sum").fill_null(0), apart=pl.col("balance").sum().over("currency")
    )


BALANCES = suite(
    "balances",
    present("currency"),
    present("balance"),
    one_of("account", ACCOUNTS),
    zero("sum_apart", "a balance is the sum of the account's postings"),
    zero("apart", "all balances of a currency add up to zero"),
    between("entries", 1, None, "an account that is told of was booked on"),
    derive=_balances,
    needs=("postings",),
    rows=lambda beside: _booked(beside).height,
)


def _costs(costs: pl.DataFrame, beside: Beside) -> pl.DataFrame:
    settled = beside.views["calls"].group_by("currency").agg(_cost=pl.col("cost").sum(), _calls=pl.len())
    wide = costs.join(settled, on="currency", how="left", maintain_order="left", nulls_equal=True)
    calls = pl.col("calls").cast(pl.Int64).sum().over("currency")
    return wide.with_columns(
        apart=pl.col("cost").sum().over("currency") - pl.col("_cost").fill_null(0),
        count_apart=calls - pl.col("_calls").fill_null(0).cast(pl.Int64),
        cached_more=pl.col("cached") + pl.col("lost") > pl.col("calls"),
    )


COSTS = suite(
    "costs",
    present("day"),
    not_negative("cost", "tokens", "median_ms"),
    between("calls", 1, None, "a row tells of a call"),
    zero("apart", "costs add up to what the calls cost"),
    zero("count_apart", "there are as many calls as the view calls has"),
    never("cached_more", "no more answers were cached or lost than there were calls"),
    derive=_costs,
    needs=("calls",),
)
