"""One event of the log on one line."""

from __future__ import annotations

from datetime import tzinfo
from typing import Any

from agentos.events.record import Record
from agentos.ids import short
from desk.render.style import cut, dim

_WORTH = (
    "title", "goal", "text", "why", "reason", "reasons", "answer", "summary", "step", "agent", "capability", "path",
    "number", "card", "effect", "by", "trigger", "code",
)  # fmt: skip
"""Fields that tell a person most, best first."""


def event_line(record: Record, zone: tzinfo, width: int) -> str:
    """Sequence number, time, task, type and what it is about."""
    at = record.at.astimezone(zone)
    task = short(record.correlation) if record.correlation else "-"
    head = f"{record.seq:>5}  {at:%d %b %H:%M:%S}  {task:<8}  {record.type:<18} "
    about = "(forgotten)" if record.forgotten else about_of(record.data)
    return f"{dim(head)}{cut(about, max(width - len(head), 20))}"


def about_of(data: dict[str, Any]) -> str:
    found = []
    for key in _WORTH:
        value = data.get(key)
        if isinstance(value, list):
            value = "; ".join(str(one.get("why") or one.get("text") or "") if isinstance(one, dict) else str(one)
                              for one in value)  # fmt: skip
        if value and isinstance(value, str | int):
            text = str(value)
            found.append(short(text) if key == "card" else text)
        if len(found) == 2:
            break
    if "receipt" in data:
        found.insert(0, str(data["receipt"]["ref"]))
    return "  ".join(found)
