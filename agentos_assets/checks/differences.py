"""What a look outside has found and what was done about it, for Dagster's page: fingerprints, counts, states and tasks.
No titles, files or amounts: Dagster's own store is not sealed. `agentos reconcile` tells the rest.

The page shows the description of a result in its place, as Markdown, and its metadata behind a click: so what a person
looks for stands in the description.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

from agentos.ids import short
from agentos.reconcile.state import Drifts, DriftState
from agentos.tasks.state import TaskState
from agentos_assets.describe import answer, moment, table
from agentos_assets.links import to_task

if TYPE_CHECKING:
    from agentos.reconcile.report import Finding, Report

TaskOf = Callable[[str], TaskState]
MOST = 3
"""Differences, and ends of earlier ones, that a description tells; it is shown in place as far as it is short."""
KINDS = MappingProxyType(
    {
        "missing": "what was done is gone",
        "changed": "what was done was changed",
        "returned": "what was taken back is there again",
        "unknown": "something is there that the log does not know",
        "double": "what was done stands there twice",
        "unassigned": "a document carries a number that was not given out",
    }
)
_STANDS = {
    "asked": "a repair task has a card for you",
    "waits": "it waits for another day: as many repairs as policy.toml allows were opened today",
    "told": "it came back after a repair; nothing is repaired by itself any more",
    "seen": "not recorded: the platform is stopped, or its client was forgotten",
}
_ENDS = {
    "repaired": "put back",
    "mended": "mended by you",
    "kept": "left as it is, on your word",
    "gone": "gone by itself",
    "failed": "its repair failed",
}


def report_told(report: Report) -> dict[str, str]:
    """Heading -> Markdown."""
    told = {
        "what differs": _differences(report.findings),
        "gone since the last look": "\n".join(f"- `{one[:8]}`" for one in report.closed),
    }
    return {heading: text for heading, text in told.items() if text}


def report_in_words(report: Report, drifts: Drifts, task_of: TaskOf, earlier: Sequence[DriftState]) -> str:
    """What is wrong, since when, which task repairs it, how far it is, and what to do next; what became of `earlier`
    ones, newest first."""
    if not report.looked:
        return "It could not be looked at, so nothing is known and nothing was recorded. `agentos reconcile` says why."
    if report.ok:
        parts = [f"{report.compared} thing(s) outside are as the log says."]
    else:
        new = f", {len(report.opened)} of them new" if report.opened else ""
        parts = [f"{len(report.findings)} difference(s) from the log{new}."]
        parts.append(_some([_found(one, drifts, task_of) for one in report.findings]))
        parts.append("`agentos reconcile` says what differs; the next look is within the hour.")
    if earlier:
        parts.append("Earlier:\n\n" + _some([_ended(one, drifts) for one in earlier]))
    return "\n\n".join(parts)


def _some(lines: Sequence[str]) -> str:
    more = [f"and {len(lines) - MOST} more"] if len(lines) > MOST else []
    return "\n".join(f"- {one}" for one in [*lines[:MOST], *more])


def _found(finding: Finding, drifts: Drifts, task_of: TaskOf) -> str:
    state = drifts.known.get(finding.drift.fingerprint)
    since = f", since {moment(state.at)}" if state is not None and state.open else ""
    what = f"{_name(finding.drift.fingerprint)}: {KINDS[finding.drift.kind]}{since}; "
    if finding.task is None:
        return what + _STANDS[finding.stands]
    came_back = f"{_STANDS['told']}; " if finding.stands == "told" else ""
    return what + came_back + _repair(task_of(finding.task))


def _repair(task: TaskState) -> str:
    asks = [f"; it asks you: `{answer(card)}`, or deny it to let it stand" for card in task.open_cards()]
    return f"repair task {to_task(task.id)} is {task.status} (`agentos show {short(task.id)}`){''.join(asks[:1])}"


def _ended(drift: DriftState, drifts: Drifts) -> str:
    repair = drifts.repairs.get(drift.fingerprint)
    by = f" by task {to_task(repair.task)}" if repair is not None and drift.how == "repaired" else ""
    end = f" at {moment(drift.ended)}" if drift.ended else ""
    kind = KINDS.get(str(drift.data.get("kind")), "it differed")
    return f"{_name(drift.fingerprint)}: {kind}, found {moment(drift.at)}: {_ENDS.get(drift.how, drift.how)}{by}{end}"


def _differences(findings: Iterable[Finding]) -> str:
    rows = [[_name(one.drift.fingerprint), one.drift.kind, _STANDS[one.stands]] for one in findings]
    return table(["drift", "kind", "stands"], rows)


def _name(fingerprint: str) -> str:
    return f"`{fingerprint[:8]}`"
