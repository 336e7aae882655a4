"""How the log has grown since Dagster was told last: its head, and today's events by type.

The cursor keeps today's counts, so that a look costs what has happened since, and the first one of a long log a day.
Where the views have not followed after a while (a run failed, or began in the moment of the report), it is told once
more.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import orjson

from agentos.clock import micros
from agentos.events.epoch import epoch_of

if TYPE_CHECKING:
    from agentos.platform import Store

PATIENCE = timedelta(minutes=2)
"""How long the views may take to follow."""


@dataclass
class Growth:
    """Text form: JSON. A text that can't be read, and the one from before a restore, count for nothing."""

    epoch: str = ""
    seq: int = 0
    hash: str = ""
    day: str = ""
    today: dict[str, int] = field(default_factory=dict)
    """Type of event -> how many of `day` (UTC)."""
    told_at: str = ""
    again: bool = False
    """Whether it was told once more."""

    @classmethod
    def parse(cls, text: str | None) -> Growth:
        try:
            return cls(**orjson.loads(text or "{}"))
        except (ValueError, TypeError):
            return cls()

    def __str__(self) -> str:
        return orjson.dumps(asdict(self)).decode()


def grown(store: Store, text: str | None, now: datetime) -> Growth | None:
    """The log as it stands; None where Dagster knows it so, and the views too. Writes nothing."""
    before, epoch = Growth.parse(text), epoch_of(store.log)
    seq, hash = store.log.head()
    if (before.epoch, before.seq, before.hash) == (epoch, seq, hash.hex()):
        return replace(before, told_at=now.isoformat(), again=True) if _left_behind(store, before, now) else None
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    goes_on = before.epoch == epoch and before.seq <= seq and before.day == midnight.date().isoformat()
    today = Counter(before.today if goes_on else {})
    for record in store.log.read(after=before.seq if goes_on else 0, since_micros=micros(midnight)):
        if record.seq > seq:
            break
        today[record.type] += 1
    return Growth(epoch, seq, hash.hex(), midnight.date().isoformat(), dict(sorted(today.items())), now.isoformat())


def _left_behind(store: Store, told: Growth, now: datetime) -> bool:
    if told.again or not told.told_at or now - datetime.fromisoformat(told.told_at) < PATIENCE:
        return False
    from agentos.views.read import path_of, view_at

    published = view_at(path_of(store.root, "tasks"))
    return published is None or published.seq < told.seq
