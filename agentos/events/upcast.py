"""Old versions of an event's payload are lifted to the current one on read; what is stored never changes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Upcaster = Callable[[dict[str, Any]], dict[str, Any]]

UPCASTERS: dict[tuple[str, int], Upcaster] = {}
"""(type, version) -> a function from that version's payload to the next version's."""


def upcast(type: str, version: int, data: dict[str, Any]) -> dict[str, Any]:
    while (step := UPCASTERS.get((type, version))) is not None:
        data, version = step(data), version + 1
    return data
