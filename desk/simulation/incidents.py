"""What goes wrong in a quarter, and when: outages, refusals, silences, and models that err."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

_A_QUARTER = 90
_OUTSIDE: tuple[tuple[str, tuple[str, ...], int], ...] = (
    ("mail.send", ("busy",), 5),
    ("mail.send", ("busy", "busy", "busy"), 2),
    ("site.publish", ("busy",), 4),
    ("invoice.issue", ("busy",), 2),
    ("ledger.receive", ("busy",), 1),
    ("mail.send", ("silent",), 2),
    ("mail.send", ("busy",) * 8, 1),
    ("mail.send", ("refuses",), 2),
    ("ledger.book", ("refuses",), 1),
    ("site.publish", ("refuses",), 1),
    ("model", ("busy",), 6),
    ("model", ("lost",), 2),
    ("model", ("made_up",), 6),
    ("model", ("doubts",), 3),
)
"""(where, what its next calls come to, how often in a quarter). Refused for good, what was done is taken back."""


@dataclass(frozen=True)
class Incident:
    """On the `day`th day; `where` is "system.verb", or "model"."""

    day: int
    where: str
    mishaps: tuple[str, ...]


def incidents_of(rng: Random, days: int) -> list[Incident]:
    """As many as fit the time; of each kind at least one, so that a fortnight shows them all."""
    found = []
    for where, mishaps, often in _OUTSIDE:
        for _ in range(max(1, round(often * days / _A_QUARTER))):
            found.append(Incident(rng.randrange(days), where, mishaps))
    return sorted(found, key=lambda one: (one.day, one.where, one.mishaps))
