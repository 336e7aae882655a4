"""What an effect rests on: effects of other tasks that must still stand when it begins."""

from __future__ import annotations

from agentos.events.log import Reader
from agentos.tasks.items import Item, is_undone, started_of, undo_key


def fallen(reader: Reader, item: Item) -> str | None:
    """A sentence on what was undone since this was proposed."""
    gone = next((key for key in item.proposal.rests_on if is_undone(reader, key)), None)
    return f"{_title(reader, gone)}: this was undone meanwhile" if gone is not None else None


def wavering(reader: Reader, item: Item) -> str | None:
    """A sentence on what is just being undone: whether it falls is not known yet."""
    going = next((key for key in item.proposal.rests_on if _being_undone(reader, undo_key(key))), None)
    return f"{_title(reader, going)}: this is being undone" if going is not None else None


def _being_undone(reader: Reader, undo: str) -> bool:
    started = started_of(reader, undo)
    if started is None or _is_over(reader, undo):
        return False
    failed = reader.by_key(f"effect.failed/{undo}/{started.data['attempt']}")
    return failed is None or failed.forgotten or failed.data["kind"] != "permanent"


def _is_over(reader: Reader, undo: str) -> bool:
    return any(reader.by_key(f"{kind}/{undo}") is not None for kind in ("effect.done", "effect.refuted"))


def _title(reader: Reader, key: str) -> str:
    started = started_of(reader, key)
    return str(started.data["title"]) if started is not None and not started.forgotten else key
