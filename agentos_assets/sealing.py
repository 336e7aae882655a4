"""Which days to seal, and sealing several: each file is looked at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import TYPE_CHECKING

from agentos.views.history import SealedDay, seal, sealable, sealed_days

if TYPE_CHECKING:
    from agentos.platform import Store


def seal_days(store: Store, days: Sequence[date]) -> dict[date, SealedDay | None]:
    """Those that stand are left as they are. None for a day on which nothing happened: it has no file, and that is no
    failure."""
    left = set(sealable(store))
    standing = {one.day: one for one in sealed_days(store)}
    return {day: seal(store, day) if day in left else standing.get(day) for day in days}


def left_over(store: Store, shown: Iterable[str]) -> list[date]:
    """Days to seal, and sealed ones of which Dagster does not know (ISO dates in `shown`), oldest first."""
    known = set(shown)
    untold = {one.day for one in sealed_days(store) if one.day.isoformat() not in known}
    return sorted(untold | set(sealable(store)))
