"""What a view is held against besides its own columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from agentos.errors import AgentOSError

if TYPE_CHECKING:
    import polars as pl

    from agentos.platform import Store


@dataclass(frozen=True)
class Beside:
    """views: those that the suite needs. raised: numbers from which agentos.toml has made a series go on."""

    views: Mapping[str, pl.DataFrame] = field(default_factory=dict)
    raised: frozenset[int] = frozenset()


def raised_numbers(store: Store) -> frozenset[int]:
    """Every `next_number` that was in force: only these may stand after a gap."""
    found = set()
    for record in store.log.read(types=("workspace.file_changed",)):
        if not record.forgotten and record.data["path"] == "agentos.toml" and record.data["blob"] is not None:
            number = _next_number(store, record.data["blob"])
            if isinstance(number, int):
                found.add(number)
    return frozenset(found)


def _next_number(store: Store, blob: str) -> Any:
    import tomllib

    try:
        stored = store.blobs.get(blob) or b""
        return tomllib.loads(stored.decode("utf-8-sig"))["business"]["invoice"]["next_number"]
    except (AgentOSError, ValueError, KeyError, TypeError):
        return None
