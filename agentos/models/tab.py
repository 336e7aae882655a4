"""What one call has run up so far: the proof that it stays within its estimate."""

from __future__ import annotations

from dataclasses import dataclass, field

from agentos.models.candidates import Candidate
from agentos.models.errors import NOTHING
from agentos.models.request import Usage
from agentos.money import Money


@dataclass
class Tab:
    """`allowed` requests may be billed. A lost request to a free endpoint is none: a local server stops with the
    connection, and costs nothing anyway. `attempts` counts everything that was sent or tried to be."""

    allowed: int
    billed: int = 0
    attempts: int = 0
    lost: bool = False
    usage: Usage = field(default_factory=Usage)
    cost: Money = NOTHING

    @property
    def open(self) -> bool:
        """Whether one more request may be billed."""
        return self.billed < self.allowed

    def charge(self, candidate: Candidate, usage: Usage) -> None:
        self.billed += 1
        self.usage += usage
        self.cost += candidate.price(usage)

    def charge_lost(self, candidate: Candidate, bound: Usage) -> None:
        """An answer was asked for and did not come: what it cost is unknown, so the bound is charged."""
        self.lost = True
        if not candidate.free:
            self.charge(candidate, bound)
