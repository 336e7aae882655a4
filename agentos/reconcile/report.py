"""What a look at one system came to, for a person and, without words, for Dagster."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from agentos.reconcile.drift import Drift

Stands = Literal["asked", "waits", "told", "seen"]
"""asked: its repair task is open. waits: for another day, the cap is reached. told: it came back after a repair, and
the operator has a notice. seen: not recorded, since the platform is stopped or its client was forgotten meanwhile."""


@dataclass(frozen=True)
class Finding:
    """One difference as it stands after the look. `task`: its repair's, or the one whose repair did not hold."""

    drift: Drift
    stands: Stands
    task: str | None = None

    def as_json(self) -> dict[str, Any]:
        one = self.drift
        return {
            "fingerprint": one.fingerprint, "system": one.system, "kind": one.kind, "thing": one.thing, "ref": one.ref,
            "words": one.words, "expected": one.expected, "seen": one.seen, "stands": self.stands, "task": self.task,
        }  # fmt: skip


@dataclass
class Report:
    """`looked` False: the system could not be looked at, `why` says it; then nothing is known and nothing recorded.

    compared: things of which something is expected. opened: repair tasks opened by this look. closed: fingerprints that
    agree again.
    """

    system: str
    looked: bool = True
    why: str = ""
    compared: int = 0
    unsettled: int = 0
    findings: list[Finding] = field(default_factory=list)
    opened: list[str] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return self.looked and not self.findings

    def counts(self) -> dict[str, Any]:
        """For Dagster's metadata: numbers and states only."""
        stands = [finding.stands for finding in self.findings]
        return {
            "looked": self.looked, "compared": self.compared, "unsettled": self.unsettled,
            "differences": len(self.findings), "waiting": stands.count("waits"), "told": stands.count("told"),
            "opened": len(self.opened), "closed": len(self.closed),
        }  # fmt: skip

    def as_json(self) -> dict[str, Any]:
        return self.counts() | {
            "system": self.system, "ok": self.ok, "why": self.why,
            "findings": [finding.as_json() for finding in self.findings], "tasks": self.opened, "closed": self.closed,
        }  # fmt: skip
