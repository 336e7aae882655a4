"""Why a step can't go on just now. Raised inside a step, turned into a recorded park by the step's wrapper."""

from __future__ import annotations

from datetime import datetime
from typing import Any


class Parked(Exception):
    """Base: the step waits, the task parks, the process ends."""


class Until(Parked):
    """Wait for a moment: an hour, a date, a budget's reset."""

    def __init__(self, at: datetime, why: str) -> None:
        super().__init__(why)
        self.at = at
        self.why = why


class NeedsCard(Parked):
    """Only the operator can decide this: over budget, a disagreement, a doubt."""

    def __init__(self, kind: str, title: str, reasons: list[dict[str, Any]]) -> None:
        super().__init__(title)
        self.kind = kind
        self.title = title
        self.reasons = reasons
