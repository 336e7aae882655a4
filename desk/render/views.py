"""Views in the terminal: a list of them, a table of one, and a single row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, tzinfo
from decimal import Decimal
from itertools import groupby
from typing import TYPE_CHECKING, Any

from agentos.ids import short
from desk.render.style import bold, columns, counted, cut, dim, line, moment

if TYPE_CHECKING:
    import polars as pl

    from agentos.views.cursor import Cursor
    from agentos.views.view import View

_GLANCE: Mapping[str, tuple[str, ...]] = {
    "tasks": ("task", "client", "workflow", "status", "opened_at", "interruptions", "cost", "cost_currency"),
    "steps": ("task", "step", "agent", "status", "attempts", "confidence", "cost", "cost_currency"),
    "approvals": ("card", "task", "kind", "status", "asked_at", "wait_seconds", "reasons"),
    "effects": ("task", "system", "verb", "status", "amount", "currency", "number", "done_at"),
    "calls": ("task", "agent", "tier", "model", "status", "tokens", "cost", "currency", "latency_ms"),
    "drifts": ("fingerprint", "system", "kind", "status", "detected", "last_at"),
    "postings": ("on", "account", "amount", "currency", "client", "invoice", "reversal"),
    "invoices": ("invoice", "client", "status", "issued_on", "due_on", "gross", "open", "currency"),
    "clients": ("client", "status", "open_tasks", "open_amount", "currency", "overdue", "late_payments", "last_order"),
    "agents": ("agent", "steps", "failed", "retried", "redone", "edits", "confidence", "cost", "cost_currency"),
    "numbers": ("series", "number", "status", "assigned_at", "task"),
}
"""What a person looks at first; of other views every column."""
_IDS = ("task", "card", "repair")
_LONGEST = 44


def list_lines(views: Sequence[View], cursors: Mapping[str, Cursor | None], width: int) -> list[str]:
    lines = []
    for group, members in groupby(sorted(views, key=lambda view: view.group), key=lambda view: view.group):
        rows = [[f"  {view.name}", _rows(cursors[view.name]), view.description] for view in members]
        lines += [bold(group), *(text[:width] for text in columns(rows))]
    return [*lines, "", dim("agentos views NAME    agentos why NAME KEY    SQL: state/views/views.duckdb")]


def _rows(cursor: Cursor | None) -> str:
    return "not made" if cursor is None else counted(cursor.rows, "row")


def table_lines(
    view: View, frame: pl.DataFrame, height: int, zone: tzinfo, now: datetime, width: int, *, all: bool
) -> list[str]:
    if not height:
        return [f"{view.title}: nothing yet."]
    names = [name for name in view.columns if name != "seqs"]
    names = names if all else [name for name in _GLANCE.get(view.name, names) if name in names]
    rows = [[_cell(name, row[name], zone, now, not all) for name in names] for row in frame.iter_rows(named=True)]
    head = [name.replace("_", " ") for name in names]
    table = columns([head, *rows])
    more = [dim(f"the last {frame.height} of {counted(height, 'row')}; --all shows every one")]
    return [dim(table[0][:width]), *(text[:width] for text in table[1:]), *(more * (frame.height < height))]


def row_lines(row: Mapping[str, Any], zone: tzinfo, now: datetime) -> list[str]:
    """A column a line; what is empty is left out."""
    said = {name: _cell(name, value, zone, now, False) for name, value in row.items() if name != "seqs"}
    return columns([[dim(name.replace("_", " ")), text] for name, text in said.items() if text])


def row_json(row: Mapping[str, Any]) -> dict[str, Any]:
    """Amounts as text without superfluous zeros, times in ISO 8601."""
    return {name: _json(value) for name, value in row.items()}


def _json(value: Any) -> Any:
    if isinstance(value, Decimal):
        return _plain(value)
    return value.isoformat() if isinstance(value, date) else value


def _cell(name: str, value: Any, zone: tzinfo, now: datetime, brief: bool) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return moment(value, zone, now)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Decimal):
        return _amount(value)
    text = ", ".join(str(one) for one in value) if isinstance(value, list) else line(value)
    if brief and name in _IDS:
        return short(text)
    return cut(text, _LONGEST) if brief else text


def _amount(value: Decimal) -> str:
    """Two digits; a fraction of a cent keeps its own."""
    whole = value == value.quantize(Decimal("0.01"))
    return f"{value:,.2f}" if whole or abs(value) >= 1 else _plain(value)


def _plain(value: Decimal) -> str:
    """Without zeros at the end, but with two digits at least."""
    whole, _, part = f"{value:f}".partition(".")
    return f"{whole}.{part.rstrip('0'):0<2}"
