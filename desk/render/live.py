"""The lines that appear while a task runs: one an event that a person wants to see, none for the others."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from agentos.events.record import Record
from agentos.ids import short
from desk.render.style import bad, bold, costs, counted, cut, dim, good, line, warn

WIDTH = 76


def live_line(record: Record) -> str | None:
    """What this event has to say on the operator's terminal; None where it has nothing."""
    if record.forgotten:
        return None
    made = _LINES.get(record.type)
    return made(record.data) if made is not None else None


def _row(mark: str, name: str, text: str = "") -> str:
    return f"  {mark} {name:<10} {text}".rstrip()


def _planned(data: dict[str, Any]) -> str:
    count, cost = len(data["plan"]["steps"]), data["estimate"].get("cost")
    price = (
        f", models cost {'about ' + costs([cost]) if cost else 'an unknown sum'}"
        if cost is None or Decimal(cost["amount"])
        else ""
    )
    return _row(dim("·"), "plan", cut(f"{data['plan']['workflow']}: {counted(count, 'step')}{price}", WIDTH - 16))


def _started(data: dict[str, Any]) -> str:
    tier = f" ({data['tier']})" if data["tier"] not in ("none", "") else ""
    again = f", attempt {data['attempt']}" if data["attempt"] > 1 else ""
    return dim(_row("→", line(data["step"]), line(f"{data['agent']}{tier}{again}")))


def _completed(data: dict[str, Any]) -> str:
    sure, notes = data["confidence"], data.get("notes") or []
    parts = [f"{sure:.0%} sure"] if sure is not None and sure < 1 else []
    return _row(warn("!") if notes else good("✓"), line(data["step"]), line("; ".join([*parts, *notes])))


def _failed(data: dict[str, Any]) -> str:
    why = "; ".join(data["reasons"]) or data["code"]
    if data["kind"] == "transient":
        return _row(warn("…"), line(data["step"]), cut(f"tried again later: {why}", WIDTH - 16))
    if data["redo"]:
        return _row(warn("↺"), line(data["step"]), cut(f"back to {data['redo']}: {why}", WIDTH - 16))
    return _row(bad("✗"), line(data["step"]), cut(why, WIDTH - 16))


def _done(data: dict[str, Any]) -> str:
    return _row(good("✓"), slot_of(data["effect"]), cut(data["receipt"]["ref"], WIDTH - 16))


def slot_of(key: str) -> str:
    """The slot stands last in an effect's key, "#2" and the like behind it."""
    return line(key.rpartition("/")[2].partition("#")[0])


_LINES: dict[str, Any] = {
    "task.planned": _planned,
    "step.started": _started,
    "step.completed": _completed,
    "step.failed": _failed,
    "approval.requested": lambda d: _row(warn("?"), "card", f"{bold(short(d['card']))}  {cut(d['title'], WIDTH - 26)}"),
    "approval.granted": lambda d: _row(good("✓"), "approved", f"{short(d['card'])}, {line(d['via'])}"),
    "effect.started": lambda d: dim(_row("→", "effect", cut(d["title"], WIDTH - 16))),
    "effect.done": _done,
    "effect.found": lambda d: _row(good("✓"), slot_of(d["effect"]), cut(f"found: {d['receipt']['ref']}", WIDTH - 16)),
    "effect.failed": lambda d: _row(bad("✗"), "effect", cut(d["why"], WIDTH - 16)),
    "effect.in_doubt": lambda d: _row(warn("?"), "in doubt", cut(d["why"], WIDTH - 16)),
    "task.failed": lambda d: _row(bad("✗"), "failed", cut(d["why"], WIDTH - 16)),
}
