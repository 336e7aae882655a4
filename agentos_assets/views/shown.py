"""What a person sees of a view on Dagster's page: a small table or a plot, of ids, codes, counts and amounts.

No name and no text of the operator's: Dagster's own store is not sealed. Amounts stand by client id, and
`agentos_assets.forgetting` wipes them.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import polars as pl

from agentos.views.read import read_view
from agentos_assets.views.columns import end_of, listed, minute, money, rows_of, short
from agentos_assets.views.plot import bars
from agentos_assets.waits import FORGOTTEN, WAITS

A_MONTH = 30
"""Days of a plot."""
Shown = dict[str, str]


def shown(root: Path, name: str, today: date) -> Shown:
    """Heading -> Markdown; empty for a view at which nobody looks. `today` is the business's."""
    show = _SHOWN.get(name)
    return show(read_view(root, name), today) if show else {}


def _tasks(frame: pl.DataFrame, today: date) -> Shown:
    open_ones = frame.filter(pl.col("closed_at").is_null()).sort("opened_at")
    return {
        "open": rows_of(
            open_ones,
            {
                "task": short("task"),
                "workflow": pl.col("workflow"),
                "client": pl.col("client"),
                "status": pl.col("status"),
                "waits for": waits_for(),
                "on": pl.col("parked_on").list.eval(end_of(pl.element())).list.join(", "),
                "until": minute("parked_until"),
                "since": minute("opened_at"),
            },
            "no task is open",
        )
        + "\n\n`agentos show TASK` tells its story; `agentos show CARD` what it asks.",
        "ended": rows_of(
            frame.filter(pl.col("closed_at").is_not_null()).group_by("status").len().sort("status"),
            {"status": pl.col("status"), "tasks": pl.col("len")},
            "none yet",
        ),
    }


def waits_for() -> pl.Expr:
    """What a parked task waits for, in words; nothing where it is not parked."""
    known = pl.col("parked").list.len() > 0
    waits = pl.when(known).then(listed("parked").str.replace_many(dict(WAITS)))
    return waits.when(pl.col("status") == "parked").then(pl.lit(FORGOTTEN)).otherwise(pl.lit(""))


def _approvals(frame: pl.DataFrame, today: date) -> Shown:
    waiting = frame.filter(pl.col("status") == "open", pl.col("asks")).sort("asked_at")
    columns = {
        "card": short("card"),
        "kind": pl.col("kind"),
        "task": short("task"),
        "client": pl.col("client"),
        "because": listed("reasons"),
        "asked": minute("asked_at"),
        "counts as no after": minute("expires_at"),
    }
    return {
        "waiting for you": rows_of(waiting, columns, "nothing") + "\n\n`agentos desk` shows them, `agentos approve`."
    }


def _invoices(frame: pl.DataFrame, today: date) -> Shown:
    unpaid = frame.filter(pl.col("status").is_in(["open", "partly", "overdue"])).sort("due_on")
    columns = {
        "invoice": pl.col("number"),
        "client": pl.col("client"),
        "status": pl.col("status"),
        "due": pl.col("due_on"),
        "open": money("open"),
        "of": money("gross"),
        "": pl.col("currency"),
        "days late": pl.col("late_days"),
    }
    return {"not paid": rows_of(unpaid, columns, "every invoice is paid")}


def _receivables(frame: pl.DataFrame, today: date) -> Shown:
    columns = {
        "client": pl.col("client"),
        "owes": money("open"),
        "of it late": money("overdue"),
        "": pl.col("currency"),
        "invoices": pl.col("invoices"),
        "due since": pl.col("oldest_due"),
        "days late": pl.col("most_late_days"),
    }
    return {"what each client owes": rows_of(frame.sort("open", descending=True), columns, "nobody owes anything")}


def _balances(frame: pl.DataFrame, today: date) -> Shown:
    columns = {
        "account": pl.col("account"),
        "balance": money("balance"),
        "": pl.col("currency"),
        "entries": pl.col("entries"),
        "last": pl.col("last_on"),
    }
    return {"accounts": rows_of(frame, columns, "nothing is booked")}


def _costs(frame: pl.DataFrame, today: date) -> Shown:
    """Costs of the business's own days, in each currency, and which agents caused this month's."""
    yesterday, month = today - timedelta(days=1), frame.filter(pl.col("day") >= today.replace(day=1))
    sums = {
        "today": frame.filter(pl.col("day") == today),
        "yesterday": frame.filter(pl.col("day") == yesterday),
        "this month": month,
    }
    found = pl.concat([_cost(part, name) for name, part in sums.items()])
    shown = {"cost": money("cost"), "": pl.col("currency"), "calls": pl.col("calls")}
    by_agent = month.group_by("agent", "currency").agg(pl.col("cost", "calls").sum()).sort("cost", descending=True)
    told = {
        "what models cost": rows_of(found, {"when": pl.col("when"), **shown}, "nothing"),
        "this month by agent": rows_of(by_agent, {"agent": pl.col("agent"), **shown}, "nothing"),
    }
    since = today - timedelta(days=A_MONTH - 1)
    for (currency,), part in frame.filter(pl.col("day") >= since).group_by("currency", maintain_order=True):
        plot = _by_day(part, since, str(currency or ""))
        told |= {f"last {A_MONTH} days, {currency}": plot} if plot else {}
    return told


def _cost(frame: pl.DataFrame, when: str) -> pl.DataFrame:
    """A row a currency; one of zero where nothing was called, so that nothing is not taken for missing."""
    sums = frame.group_by("currency", maintain_order=True).agg(pl.col("cost", "calls").sum())
    if sums.is_empty():
        sums = pl.DataFrame({"currency": [None], "cost": [0], "calls": [0]}, schema=sums.schema)
    return sums.select(pl.lit(when).alias("when"), "currency", "cost", "calls")


def _by_day(frame: pl.DataFrame, since: date, currency: str) -> str:
    costs = dict(frame.group_by("day").agg(pl.col("cost").sum().cast(pl.Float64)).iter_rows())
    days = [since + timedelta(days=nth) for nth in range(A_MONTH)]
    return bars([str(day) for day in days], [costs.get(day) or 0.0 for day in days], currency, about="cost by day")


def _kpis(frame: pl.DataFrame, today: date) -> Shown:
    """The last months and weeks: amounts stand in a row a currency, counts in one without."""
    amounts = {name.replace("_", " "): money(name) for name in ("revenue", "received", "model_cost")}
    counts = ("currency", "invoices", "tasks_done", "median_hours", "interruptions")
    columns = {"from": pl.col("start"), **amounts, **{name.replace("_", " "): pl.col(name) for name in counts}}
    found = {}
    for grain, title in (("month", "by month"), ("week", "by week")):
        rows = frame.filter(pl.col("grain") == grain).sort("start", "currency", descending=[True, False])
        found[title] = rows_of(rows.head(12), columns, "nothing yet")
    return found


def _agents(frame: pl.DataFrame, today: date) -> Shown:
    columns = {
        "agent": pl.col("agent"),
        "version": pl.col("agent_version"),
        "steps": pl.col("steps"),
        "failed": pl.col("failed"),
        "tried again": pl.col("retried"),
        "done anew": pl.col("redone"),
        "changed by you": pl.col("edits"),
        "confidence": (pl.col("confidence") * 100).round(0).cast(pl.Int64),
        "cost": money("cost"),
        "": pl.col("cost_currency"),
    }
    return {"quality": rows_of(frame.sort("agent", "agent_version"), columns, "no agent has worked yet")}


def _clients(frame: pl.DataFrame, today: date) -> Shown:
    names = ("client", "status", "open_tasks", "invoices", "overdue", "late_payments")
    columns = {name.replace("_", " "): pl.col(name) for name in names}
    columns |= {"owes": money("open_amount"), "": pl.col("currency")}
    return {"clients": rows_of(frame.sort("status", "client"), columns, "none yet")}


def _reconciliation(frame: pl.DataFrame, today: date) -> Shown:
    names = ("system", "effects", "in_doubt", "open", "repaired", "accepted", "failed")
    columns = {name.replace("_", " "): pl.col(name) for name in names}
    return {
        "systems": rows_of(frame.sort("system"), columns | {"last seen": minute("last_seen")}, "nothing done outside")
    }


_SHOWN: dict[str, Callable[[pl.DataFrame, date], Shown]] = {
    "tasks": _tasks,
    "approvals": _approvals,
    "invoices": _invoices,
    "receivables": _receivables,
    "balances": _balances,
    "clients": _clients,
    "costs": _costs,
    "kpis": _kpis,
    "agents": _agents,
    "reconciliation": _reconciliation,
}
