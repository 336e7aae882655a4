"""When something is worth a card: figures as data, in `monitor.toml` of the workspace; without the file, these."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from pydantic import Field

from agentos.workspace.model import Settings
from agentos.workspace.read import decode, parse, read_bytes, validate

FILE = "monitor.toml"


class Thresholds(Settings):
    """0 turns a rule off. `most_open`: cards of the monitor's that may wait at the same time; what is found beyond
    waits behind them."""

    overdue_days: int = Field(default=14, ge=0, le=3650)
    """An invoice that is later than this."""
    unfinished_hours: int = Field(default=2, ge=0, le=8760)
    """Something begun outside, or of which it is not known whether it happened, for longer than this."""
    card_hours: int = Field(default=24, ge=0, le=8760)
    """A card that has waited longer than this."""
    failed_in_a_row: int = Field(default=3, ge=0, le=1000)
    """So many tasks, one after the other, that failed."""
    cost_factor: Decimal = Field(default=Decimal(3), ge=0, le=1000)
    """Models cost more today than this many times the median day."""
    quality_drop: Decimal = Field(default=Decimal("0.25"), ge=0, le=1)
    """An agent fails more often this week than in the month before, by this share of its attempts."""
    no_invoice_days: int = Field(default=45, ge=0, le=3650)
    """No invoice was issued for longer than this, after there had been one."""
    most_open: int = Field(default=3, ge=1, le=100)


def load_thresholds(root: Path) -> Thresholds:
    """Raises WorkspaceError with the line."""
    path = root / FILE
    if not path.exists():
        return Thresholds()
    text = decode(read_bytes(root, path), FILE)
    return validate(Thresholds, parse(text, FILE), text, FILE)
