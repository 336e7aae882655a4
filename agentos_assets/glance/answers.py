"""The four answers, as short as the page shows Markdown in its place. Ids, states, counts, and amounts by client id, as
in `agentos_assets.views.shown`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from operator import itemgetter
from pathlib import Path

import polars as pl

from agentos.views.read import read_view
from agentos_assets.checks.results import Checked
from agentos_assets.describe import moment
from agentos_assets.links import to_asset, to_check, to_task
from agentos_assets.views.columns import LONGEST, minute, money, rows_of
from agentos_assets.views.shown import Shown, shown, waits_for
from agentos_assets.waits import FORGOTTEN, wait

PARKED, OWED, COST, FAILED, REPAIRED = (
    "why tasks are parked", "what clients owe", "what yesterday cost", "which checks failed", "what was done about it",
)  # fmt: skip
MOST_TASKS, MOST_DRIFTS = 5, 5


def answers(root: Path, today: date, checks: Sequence[Checked]) -> Shown:
    """Heading -> Markdown. `today` is the business's."""
    return {
        PARKED: parked(read_view(root, "tasks")),
        OWED: owed(read_view(root, "receivables")),
        COST: _with_more(shown(root, "costs", today)["what models cost"], "costs"),
        FAILED: failed(checks),
        REPAIRED: repaired(read_view(root, "drifts")),
    }


def parked(tasks: pl.DataFrame) -> str:
    waiting = tasks.filter(pl.col("status") == "parked").sort("opened_at", descending=True)
    kinds = waiting["parked"].explode().drop_nulls().value_counts(sort=True, name="count").rows()
    unread = waiting.filter((pl.col("parked").list.len() > 0).fill_null(False).not_()).height
    counts = [*((wait(kind), count) for kind, count in kinds), *([(FORGOTTEN, unread)] if unread else [])]
    counted = ", ".join(f"{count} for {why}" for why, count in counts)
    head = f"{waiting.height} task(s) wait: {counted}." if waiting.height else "No task waits for anything."
    rows = rows_of(
        waiting.head(MOST_TASKS).with_columns(task=pl.col("task").map_elements(to_task, return_dtype=pl.String)),
        {"task": pl.col("task"), "waits for": waits_for(), "since": minute("opened_at")},
        "",
    )
    return _with_more(f"{head}\n\n{rows}", "tasks", "approvals")


def owed(receivables: pl.DataFrame) -> str:
    rows = receivables.sort("open", descending=True)
    columns = {
        "client": pl.col("client"),
        "owes": money("open"),
        "of it late": money("overdue"),
        "": pl.col("currency"),
        "days late": pl.col("most_late_days"),
    }
    return _with_more(rows_of(rows, columns, "Nobody owes anything."), "receivables", "invoices")


def failed(checks: Sequence[Checked]) -> str:
    """Those that failed, the newest first, in their own words as far as there is room."""
    wrong = sorted(((one, one.since) for one in checks if one.since), key=itemgetter(1), reverse=True)
    right = len(checks) - len(wrong)
    parts = [_failed(one, since) for one, since in wrong] or ["None."]
    parts.append(f"{right} passed." if checks else "None has run yet.")
    while len(parts) > 2 and len("\n\n".join(parts)) > LONGEST:
        parts.pop(-2)
    more = len(wrong) + 1 - len(parts) if wrong else 0
    return "\n\n".join(parts) + (f" {more} more failed." if more else "")


def _failed(one: Checked, since: datetime) -> str:
    return f"**{to_check(one.asset, one.name)}** since {moment(since)}. {one.says}"


def repaired(drifts: pl.DataFrame) -> str:
    """What was found to differ outside, the newest first, and what became of it."""
    rows = drifts.sort("last_at", descending=True).head(MOST_DRIFTS)
    columns = {
        "what": pl.concat_str("system", pl.lit(": "), "kind"),
        "found": minute("last_at"),
        "became": pl.col("status"),
        "task": pl.col("repair").map_elements(to_task, return_dtype=pl.String),
    }
    return _with_more(rows_of(rows, columns, "Nothing outside was ever found to differ from the log."), "drifts")


def _with_more(text: str, *assets: str) -> str:
    return f"{text}\n\nMore: {', '.join(to_asset(name) for name in assets)}."
