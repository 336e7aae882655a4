"""Clients and key figures: how the business does."""

from __future__ import annotations

import polars as pl

from agentos.expectations.beside import Beside
from agentos.expectations.great import never, not_negative, one_of, present, zero
from agentos.expectations.suite import suite
from agentos.expectations.suites.money import OWED


def _known(beside: Beside) -> set[str]:
    """Clients with a task or an issued invoice. What was rehearsed did not happen."""
    tasks = beside.views["tasks"].filter(~pl.col("rehearsal").fill_null(False))
    issued = beside.views["invoices"].filter(pl.col("status") != "draft")
    return {*tasks["client"].drop_nulls(), *issued["client"].drop_nulls()}


def _clients(clients: pl.DataFrame, beside: Beside) -> pl.DataFrame:
    owed = beside.views["invoices"].filter(pl.col("status").is_in(OWED))
    sums = owed.group_by("client").agg(_open=pl.col("open").sum())
    late = owed.filter(pl.col("status") == "overdue").group_by("client").agg(_late=pl.len())
    wide = clients.join(sums, on="client", how="left", maintain_order="left")
    wide = wide.join(late, on="client", how="left", maintain_order="left")
    return wide.with_columns(
        open_apart=pl.col("open_amount") - pl.col("_open").fill_null(0),
        late_apart=pl.col("overdue").cast(pl.Int64) - pl.col("_late").fill_null(0).cast(pl.Int64),
        more_open=pl.col("open_tasks") > pl.col("tasks"),
        unpaid_in=pl.col("open_amount").is_not_null() & pl.col("currency").is_null(),
    )


CLIENTS = suite(
    "clients",
    present("client"),
    one_of("status", ("late", "active", "owing", "quiet")),
    zero("open_apart", "what is open is the sum of the client's open invoices"),
    zero("late_apart", "as many invoices are overdue as the view invoices has"),
    never("more_open", "no more tasks are open than there are"),
    never("unpaid_in", "an amount has its currency"),
    not_negative("billed", "open_amount"),
    derive=_clients,
    needs=("tasks", "invoices"),
    rows=lambda beside: len(_known(beside)),
)

_SUMMED = ("revenue", "received", "model_cost", "invoices", "tasks_done", "interruptions")


def _kpis(kpis: pl.DataFrame, beside: Beside) -> pl.DataFrame:
    """Days, weeks and months are three sums of the same."""
    start = pl.col("start")
    askew = (
        pl.when(pl.col("grain") == "week").then(start.dt.weekday() != 1)
        .when(pl.col("grain") == "month").then(start.dt.day() != 1)
        .otherwise(pl.lit(False))
    )  # fmt: skip
    return kpis.with_columns(askew=askew, **{f"{name}_apart": _apart(name) for name in _SUMMED})


def _apart(name: str) -> pl.Expr:
    """How far the row's grain, over all of history, is from the days'."""
    value = pl.col(name).cast(pl.Int64) if name in ("invoices", "tasks_done", "interruptions") else pl.col(name)
    days = value.filter(pl.col("grain") == "day").sum().over("currency")
    return value.sum().over("grain", "currency") - days


KPIS = suite(
    "kpis",
    one_of("grain", ("day", "week", "month")),
    present("start"),
    never("askew", "a week begins on a Monday, a month on its first"),
    not_negative("revenue", "received", "model_cost", "median_hours"),
    [zero(f"{name}_apart", f"{name} adds up to the same by day, week and month") for name in _SUMMED],
    derive=_kpis,
)
