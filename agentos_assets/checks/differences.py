"""What a look outside has found and what was done about it, for Dagster's page: fingerprints, counts, states and tasks.
No titles, files or amounts: Dagster's own store is not sealed. `agentos reconcile` tells the rest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from agentos.ids import short
from agentos_assets.describe import table

if TYPE_CHECKING:
    from agentos.reconcile.report import Finding, Report

StateOf = Callable[[str], str]
"""Task -> its status."""
_STANDS = {
    "asked": "a repair task has a card for you",
    "waits": "waits for another day: as many repairs as policy.toml allows were opened today",
    "told": "came back after a repair; nothing is repaired by itself any more",
    "seen": "not recorded: the platform is stopped, or its client was forgotten",
}


def report_told(report: Report, state_of: StateOf) -> dict[str, str]:
    """Heading -> Markdown. `what was done about it` is what an operator looks for first."""
    told = {
        "what was done about it": "\n".join(f"- {_done(one, state_of)}" for one in report.findings),
        "what differs": _differences(report.findings),
        "gone since the last look": "\n".join(f"- `{one[:8]}`" for one in report.closed),
    }
    return {heading: text for heading, text in told.items() if text}


def report_in_a_line(report: Report) -> str:
    if not report.looked:
        return "It could not be looked at, so nothing is known and nothing was recorded."
    if report.ok:
        return f"{report.compared} thing(s) outside are as the log says."
    return f"{len(report.findings)} difference(s), {len(report.opened)} repair task(s) opened by this look."


def _differences(findings: Sequence[Finding]) -> str:
    rows = [[_name(one), one.drift.kind, _STANDS.get(one.stands, one.stands)] for one in findings]
    return table(["drift", "kind", "stands"], rows)


def _done(finding: Finding, state_of: StateOf) -> str:
    if finding.task is None:
        return f"{_name(finding)}: {_STANDS.get(finding.stands, finding.stands)}"
    task = short(finding.task)
    return f"{_name(finding)}: repair task `{task}` is {state_of(finding.task)}: `agentos show {task}`"


def _name(finding: Finding) -> str:
    return f"`{finding.drift.fingerprint[:8]}`"
