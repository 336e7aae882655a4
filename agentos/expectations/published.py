"""Checking a view as it lies there: with the views beside it as of the same event, and held against the log."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from agentos.errors import Transient
from agentos.expectations.beside import Beside, raised_numbers
from agentos.expectations.check import check_view
from agentos.expectations.position import position_of, waiting_seconds
from agentos.expectations.verdict import Verdict

if TYPE_CHECKING:
    import polars as pl

    from agentos.platform import Store
    from agentos.views.cursor import Cursor

MOST_TRIES = 3


def check_published(store: Store, name: str, now: datetime) -> Verdict:
    """Raises AgentOSError where there is no such view, or it is not published.

    Where the views it is held against are of another event, all of them are refreshed first.
    """
    from agentos.expectations.suites import SUITES

    waiting = waiting_seconds(store, name, now)
    frames, cursor = _together(store, [name, *SUITES[name].needs], now)
    frame = frames.pop(name)
    return check_view(name, frame, Beside(frames, raised_numbers(store)), position_of(store, cursor, waiting))


def _together(store: Store, names: Sequence[str], now: datetime) -> tuple[dict[str, pl.DataFrame], Cursor]:
    """The first one's cursor. No refresh may come between two files: what one says would seem to lack in the other."""
    from agentos.views.cursor import cursor_of
    from agentos.views.files import only_writer
    from agentos.views.read import folder_of, path_of, read_view
    from agentos.views.refresh import refresh

    for _ in range(MOST_TRIES):
        with only_writer(folder_of(store.root)):
            first, *others = (cursor_of(path_of(store.root, name)) for name in names)
            if first is None or all(one is not None and one.seq == first.seq for one in others):
                frames = {name: read_view(store.root, name) for name in names}  # says so where the first is absent
                if first is not None:
                    return frames, first
        refresh(store, names, now=now)
    raise Transient("The views do not come to rest.", hint="Look again in a moment.", code="view.restless")
