"""Approvals, effects and numbers: what the operator allowed, and what was done outside."""

from __future__ import annotations

import polars as pl

from agentos.expectations.beside import Beside
from agentos.expectations.great import between, in_order, never, not_negative, one_of, present, unique, when, zero
from agentos.expectations.suite import suite

CARD_STATES = ("open", "granted", "denied", "answered", "edited", "expired", "superseded", "withdrawn")
EFFECT_STATES = ("started", "waiting", "done", "undone", "in_doubt", "failed")
HAPPENED = ("done", "undone")


def _approvals(approvals: pl.DataFrame, beside: Beside) -> pl.DataFrame:
    decided = pl.col("decided_at").is_not_null()
    return approvals.with_columns(decided_and_open=decided & (pl.col("status") == "open"))


def _effects(effects: pl.DataFrame, beside: Beside) -> pl.DataFrame:
    """An invoice and what is booked say net, VAT and gross; what says only one of them has nothing to add up."""
    done = effects.filter(pl.col("done_at").is_not_null())["effect"].to_list()
    return effects.with_columns(
        apart=pl.col("amount") - pl.col("net") - pl.col("vat"),
        undone_by_nothing=(pl.col("status") == "undone") & ~pl.col("undone_by").is_in(done).fill_null(False),
        unpaid_in=pl.col("amount").is_not_null() & pl.col("currency").is_null(),
    )


def _numbers(numbers: pl.DataFrame, beside: Beside) -> pl.DataFrame:
    """Only agentos.toml may make a series go on higher than by one. A number of an effect that was done is used."""
    done = beside.views["effects"].filter(pl.col("done_at").is_not_null())["effect"].to_list()
    billed = beside.views["invoices"]["number"].drop_nulls().to_list()
    used = (pl.col("series") == "invoice") & (pl.col("status") == "assigned") & pl.col("effect").is_in(done)
    ordered = numbers.with_row_index("_at").sort("series", "serial")
    step = pl.col("serial").cast(pl.Int64).diff().over("series")
    raised = pl.col("serial").is_in(sorted(beside.raised))
    wide = ordered.with_columns(step=pl.when(~raised).then(step), unbilled=used & ~pl.col("number").is_in(billed))
    return wide.sort("_at").drop("_at")


APPROVALS = suite(
    "approvals",
    present("card"),
    present("asked_at", "each card was laid on the desk"),
    present("task"),
    one_of("status", CARD_STATES),
    never("decided_and_open", "an open card is not decided"),
    present("decided_at", "a decided card has its moment", where=when("status", *CARD_STATES[1:])),
    present("via", "what she decided says where", where=when("status", "granted", "denied", "answered")),
    in_order("asked_at", "decided_at", severity="warning"),
    derive=_approvals,
)

EFFECTS = suite(
    "effects",
    present("effect"),
    present("system", where=when("status", *HAPPENED)),
    one_of("status", EFFECT_STATES),
    present("authority", "nothing was done without a card, a policy or the operator", where=when("status", *HAPPENED)),
    present("done_at", "what was done has its moment", where=when("status", *HAPPENED)),
    never("undone_by_nothing", "what was taken back names the effect that did it, and that is done"),
    in_order("started_at", "done_at", severity="warning"),
    zero("apart", "gross is net plus VAT"),
    not_negative("amount", "net", "vat", severity="warning"),
    never("unpaid_in", "an amount has its currency"),
    derive=_effects,
)

NUMBERS = suite(
    "numbers",
    present("series"),
    present("serial"),
    present("number"),
    present("effect", "a number that was given out names its effect", where=when("status", "assigned")),
    unique("series", "number"),
    one_of("status", ("assigned", "voided")),
    between("step", None, 1, "a series has no gap"),
    never("unbilled", "a number that was used stands on an invoice"),
    in_order("assigned_at", "voided_at", severity="warning"),
    derive=_numbers,
    needs=("effects", "invoices"),
)

DRIFT_STATES = ("open", "repairing")
DRIFT_ENDS = ("repaired", "mended", "kept", "gone", "failed")
DRIFT_KINDS = ("missing", "changed", "returned", "unknown", "double", "unassigned")

DRIFTS = suite(
    "drifts",
    present("fingerprint"),
    one_of("status", (*DRIFT_STATES, *DRIFT_ENDS)),
    one_of("kind", DRIFT_KINDS),
    between("detected", 1, None, "a drift was found at least once"),
    present("repair", "a drift under repair names the task", where=when("status", "repairing")),
    present("closed_at", "a drift that has ended says when", where=when("status", *DRIFT_ENDS)),
    in_order("first_at", "last_at"),
)


def _reconciliation(reconciliation: pl.DataFrame, beside: Beside) -> pl.DataFrame:
    is_open = beside.views["drifts"].filter(pl.col("status").is_in(DRIFT_STATES))
    doubt = beside.views["effects"].filter(pl.col("status") == "in_doubt")
    wide = reconciliation
    for name, rows in (("_open", is_open), ("_doubt", doubt)):
        counts = rows.group_by("system").agg(pl.len().alias(name))
        wide = wide.join(counts, on="system", how="left", maintain_order="left")
    return wide.with_columns(
        open_apart=pl.col("open").cast(pl.Int64) - pl.col("_open").fill_null(0).cast(pl.Int64),
        doubt_apart=pl.col("in_doubt").cast(pl.Int64) - pl.col("_doubt").fill_null(0).cast(pl.Int64),
    )


def _systems(beside: Beside) -> int:
    return len({name for view in ("effects", "drifts") for name in beside.views[view]["system"].drop_nulls()})


RECONCILIATION = suite(
    "reconciliation",
    present("system"),
    zero("open_apart", "as many drifts are open as the view drifts has"),
    zero("doubt_apart", "as many effects are in doubt as the view effects has"),
    derive=_reconciliation,
    needs=("effects", "drifts"),
    rows=_systems,
    rootless=True,  # a system that always agreed has no drift
)
