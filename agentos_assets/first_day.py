"""The day on which the log begins, as `agentos up` tells the code server: definitions read no log."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agentos.platform import Store

VARIABLE = "AGENTOS_FIRST_DAY"
"""An ISO date."""
FALLBACK = "2026-01-01"
"""Where nobody says: no log is older."""


def first_day(store: Store) -> date:
    """In UTC; today while the log is empty."""
    first = next(store.log.read(limit=1), None)
    return (first.at if first is not None else datetime.now(UTC)).date()


def told(root: Path) -> dict[str, str]:
    """For the environment of the code server of this workspace; nothing where the log can't be opened."""
    from agentos.errors import StorageError
    from agentos.platform import open_store

    try:
        store = open_store(root)
    except StorageError:
        return {}
    try:
        return {VARIABLE: first_day(store).isoformat()}
    finally:
        store.close()
