"""How a published view stands to the log: how far it has read, since when it is behind, and how many rows there must be
by another way of counting."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agentos.platform import Store
    from agentos.views.cursor import Cursor

FRESH_WITHIN = 900
"""Seconds that an event may wait for a view to read it: the views are made again as soon as the log grows."""

COUNTED: Mapping[str, tuple[str, str]] = {
    "tasks": ("task.opened", ""),
    "approvals": ("approval.requested", ""),
    "effects": ("effect.started", "/1"),
    "numbers": ("number.assigned", ""),
}
"""View -> the type of event, and the end of its key, of which each readable one is a row."""


@dataclass(frozen=True)
class Position:
    """seq: the last event that the view has read. holds: whether that event stands in the log, read with the same keys.

    waiting_seconds: the age of the oldest event it has not read; 0 where there is none. rows_in_log: None where a row
    is not one event.
    """

    seq: int
    holds: bool
    waiting_seconds: float
    rows_in_log: int | None


def waiting_seconds(store: Store, name: str, now: datetime) -> float:
    """How long the oldest event waits that the view, as it lies there, has not read; 0 where there is none."""
    from agentos.views.cursor import cursor_of
    from agentos.views.read import path_of

    cursor = cursor_of(path_of(store.root, name))
    unread = next(store.log.read(after=cursor.seq if cursor else 0, limit=1), None)
    return max((now - unread.at).total_seconds(), 0.0) if unread is not None else 0.0


def position_of(store: Store, cursor: Cursor, waiting: float) -> Position:
    """Costs a look at the index, not a fold of the log."""
    from agentos.events.epoch import epoch_of

    return Position(cursor.seq, cursor.holds(store, epoch_of(store.log)), waiting, _rows_in_log(store, cursor))


def _rows_in_log(store: Store, cursor: Cursor) -> int | None:
    """Of a forgotten client the envelopes are left: they say that something was, and not its key in the view."""
    if cursor.view not in COUNTED:
        return None
    type, ending = COUNTED[cursor.view]
    counts = store.log.count_by_subject(type, cursor.seq, ending)
    bare = cursor.view == "tasks"  # its key stands in envelopes
    return sum(n for client, n in counts.items() if bare or client is None or cursor.clients.get(client, True))
