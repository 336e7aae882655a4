"""What a check of a view came to. Light: whoever shows it needs no Great Expectations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["critical", "warning"]
"""critical: what the view says is wrong. warning: it deserves a look."""


@dataclass(frozen=True)
class Finding:
    """An expectation that does not hold. No values: amounts and texts stay in the view.

    says: what should hold. name: what Great Expectations calls it. rows: how many go against it, of `of` that it is
    about; None where it is about the view as a whole, or can't be computed. keys, seqs: of a few of these rows, the key
    in the view, and the first event they come from.
    """

    says: str
    name: str
    columns: tuple[str, ...]
    severity: Severity
    rows: int | None = None
    of: int | None = None
    keys: tuple[str, ...] = ()
    seqs: tuple[int, ...] = ()
    why: str = ""
    """What was seen instead, or why it can't be computed; "" where the rows say it."""


@dataclass(frozen=True)
class Verdict:
    """expectations: what each says, in order. rows: of the view. seq: the last event that the view has read."""

    view: str
    rows: int
    expectations: tuple[str, ...]
    findings: tuple[Finding, ...] = ()
    seq: int | None = None

    @property
    def ok(self) -> bool:
        return not self.findings

    @property
    def misleads(self) -> bool:
        """Whether what the view says is wrong: something critical does not hold."""
        return any(one.severity == "critical" for one in self.findings)
