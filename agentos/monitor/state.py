"""Which findings are open, and which task told each: a fold over their events."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from agentos.events.record import Record

TYPES = ("finding.opened", "finding.closed")


@dataclass
class Known:
    """One fingerprint. `nth`: how often it came; `task` tells the last time."""

    fingerprint: str
    kind: str
    nth: int
    task: str
    at: datetime
    open: bool = True


@dataclass
class Findings:
    known: dict[str, Known] = field(default_factory=dict)
    seq: int = 0
    """The newest event of any of them: what was seen before it is out of date."""

    def apply(self, record: Record) -> None:
        data, fingerprint = record.data, record.data["fingerprint"]
        before = self.known.get(fingerprint)
        if record.type == "finding.opened":
            nth = before.nth + 1 if before is not None else 1
            self.known[fingerprint] = Known(fingerprint, data["kind"], nth, data["task"], record.at)
        elif before is not None:
            before.open = False
        self.seq = record.seq

    def open(self) -> list[Known]:
        return [one for one in self.known.values() if one.open]


def fold(records: Iterable[Record]) -> Findings:
    findings = Findings()
    for record in records:
        findings.apply(record)
    return findings


def stream_of(fingerprint: str) -> str:
    return f"finding/{fingerprint}"
