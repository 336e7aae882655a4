"""What `agentos status` needs of the whole log, kept as the log grows: which tasks are open, how many closed and how,
which notices of a failure nobody has seen.

A view: a pure fold over envelopes, incremental by a cursor (seq, hash), equal to a rebuild. Its file may be deleted at
any time; one whose cursor does not stand in the log (a restore) is not believed.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

import orjson

from agentos.events.record import Record

if TYPE_CHECKING:
    from pathlib import Path

    from agentos.platform import Store

CLOSING = {"task.completed": "completed", "task.failed": "failed", "task.cancelled": "cancelled"}
TYPES = ("task.opened", *CLOSING, "approval.requested", "approval.answered")
FORMAT = 1
KEEP_EVERY = 200
"""Events after which what was read is kept for the next reader."""


@dataclass
class Overview:
    seq: int = 0
    hash: str = ""
    open: dict[str, None] = field(default_factory=dict)
    """Streams of open tasks, in the order they were opened."""
    closed: dict[str, int] = field(default_factory=dict)
    """completed, failed, cancelled -> how many tasks."""
    notices: dict[str, str] = field(default_factory=dict)
    """Card of an unseen notice -> the stream of its failed task, in order."""

    def apply(self, record: Record) -> None:
        """Reads envelopes; a payload only of a notice. What a forgotten client's notice said is nobody's to see."""
        if record.type == "task.opened":
            self.open[record.stream] = None
        elif record.type in CLOSING:
            self.open.pop(record.stream, None)
            kind = CLOSING[record.type]
            self.closed[kind] = self.closed.get(kind, 0) + 1
        elif record.type == "approval.requested" and (record.key or "").endswith("/notice"):
            if not record.forgotten:
                self.notices[record.data["card"]] = record.stream
        elif record.type == "approval.answered":
            self.notices.pop((record.key or "").rpartition("/")[2], None)


def overview(store: Store) -> Overview:
    """As of now. Costs what has happened since somebody last looked, not the length of the log."""
    path = store.root / "state" / "views" / "overview.json"
    view = _kept(store, path)
    began = view.seq
    seq, hash = store.log.head()
    for record in store.log.read(after=view.seq, types=TYPES):
        if record.seq > seq:
            break
        view.apply(record)
    view.seq, view.hash = seq, hash.hex()
    if view.seq - began >= KEEP_EVERY:
        _keep(view, path)
    return view


def _kept(store: Store, path: Path) -> Overview:
    try:
        raw = orjson.loads(path.read_bytes())
        if raw.pop("format") != FORMAT:
            return Overview()
        view = Overview(**raw)
        at = next(store.log.read(after=view.seq - 1, limit=1), None)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return Overview()
    return view if at is not None and (at.seq, at.hash.hex()) == (view.seq, view.hash) else Overview()


def _keep(view: Overview, path: Path) -> None:
    """Aside and renamed, so that no reader meets half of it. A help, never a reason to fail."""
    aside = path.with_name(f".{os.getpid()}-{path.name}")
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        aside.write_bytes(orjson.dumps(asdict(view) | {"format": FORMAT}))
        os.replace(aside, path)
