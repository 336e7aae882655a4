"""A what-if beside what happened, as Markdown: counts and sums over all clients."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

from agentos.ids import short
from agentos_assets.describe import table
from graphs.whatif import ASSUMED, DayComparison, Measures
from graphs.whatif.measures import FATES

MOST_LISTED = 20


def summed(days: Iterable[DayComparison]) -> str:
    reports = list(days)
    then, now = Measures(), Measures()
    for report in reports:
        then, now = then.plus(report.then), now.plus(report.now)
    assumed, unknown, forgotten = (
        sum(getattr(one, name) for one in reports) for name in ("assumed", "unknown", "forgotten")
    )
    notes = [*ASSUMED, *([f"{assumed} task(s) with an answer that nobody gave"] if assumed else [])]
    notes += [f"{unknown} task(s) asked what the record can't answer"] if unknown else []
    notes += [f"{forgotten} task(s) of forgotten clients are on neither side"] if forgotten else []
    shown = table(["", "then", "what if"], _rows(then, now))
    return "\n".join([shown, "", *(f"* {note}" for note in notes)])


def otherwise(days: Iterable[DayComparison]) -> str:
    """Which tasks went otherwise, and how; empty where none did."""
    rows = []
    for task in [task for day in days for task in day.tasks if not task.same]:
        moves = ", ".join(sorted({" → ".join(pair) for pair in task.changed.values()}))
        ends = task.then if task.then == task.now else f"{task.then} → {task.now}"
        rows.append([f"`{short(task.task)}`", ends, f"{task.cards_then} → {task.cards_now}", moves])
    more = f"\n\nand {len(rows) - MOST_LISTED} more" if len(rows) > MOST_LISTED else ""
    return table(["task", "ended", "cards", "effects"], rows[:MOST_LISTED]) + more


def _rows(then: Measures, now: Measures) -> list[list[str]]:
    rows = [["models cost", _money(then.cost), _money(now.cost)]]
    rows.append(["interruptions", str(then.interruptions), str(now.interruptions)])
    rows += [
        [f"effects {fate}", str(then.fates[fate]), str(now.fates[fate])]
        for fate in FATES
        if then.fates[fate] or now.fates[fate]
    ]
    rows.append(["effects done", str(then.done), str(now.done)])
    for status in sorted({*then.tasks, *now.tasks}):
        rows.append([f"tasks {status}", str(then.tasks[status]), str(now.tasks[status])])
    return [*rows, ["invoiced (gross)", _money(then.revenue), _money(now.revenue)]]


def _money(sums: Mapping[str, Decimal]) -> str:
    return " + ".join(f"{amount:,.2f} {currency}" for currency, amount in sorted(sums.items())) or "nothing"
