"""What rests on what: effects of one step on each other, and an effect on those of other tasks that must still stand
when it begins."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from agentos.events.log import Reader
from agentos.events.record import Record
from agentos.tasks.items import Item, is_undone, started_of, undo_key


def resting(effects: Sequence[Mapping[str, Any]], slots: Iterable[str]) -> list[str]:
    """The slots of a step's effects that rest on these, one upon another. `effects`: as a card or their starts have
    them, in the order in which they are done."""
    out = set(slots)
    found: list[str] = []
    for effect in effects:
        if effect["slot"] not in out and not out.isdisjoint(effect.get("after") or ()):
            out.add(effect["slot"])
            found.append(effect["slot"])
    return found


def fallen(reader: Reader, item: Item) -> str | None:
    """A sentence on what this rests on and does not stand, or may not for much longer: which of the two may change at
    any moment."""
    down = (key for key in item.proposal.rests_on if is_undone(reader, key) or being_undone(reader, key))
    key = next(down, None)
    return f"{_title(reader, key)}: this is undone, or is being undone" if key is not None else None


def being_undone(reader: Reader, key: str) -> bool:
    """Whether a task that still goes on has begun to take this back, or what rests on it: that goes first."""
    started = started_of(reader, key)
    if started is None or started.forgotten:
        return False
    begun = [one for one in reader.read(stream=started.stream, types=("effect.started",)) if not one.forgotten]
    step = [one.data for one in begun if one.data["step"] == started.data["step"]]
    later = set(resting(step, [started.data["slot"]]))  # what was adopted stands in one step, and has one slot
    undos = (
        started_of(reader, undo_key(one["effect"])) for one in step if one["effect"] == key or one["slot"] in later
    )
    return any(undo is not None and not _is_over(reader, undo) for undo in undos)


def _is_over(reader: Reader, undo: Record) -> bool:
    return reader.by_key(f"task.closed/{undo.stream.removeprefix('task/')}") is not None


def _title(reader: Reader, key: str) -> str:
    started = started_of(reader, key)
    return str(started.data["title"]) if started is not None and not started.forgotten else key
