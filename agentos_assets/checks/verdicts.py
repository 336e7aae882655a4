"""What a suite has found, for Dagster's page: sentences of ours, counts, ids and events. No amounts, titles or client
ids: Dagster's own store is not sealed. `agentos check` tells the rest."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from agentos_assets.describe import moment, table

if TYPE_CHECKING:
    from agentos.expectations.verdict import Finding, Verdict

MOST = 3
"""Findings that a description tells."""
TELLING = frozenset({"task", "step", "card", "call", "series", "serial", "grain", "start", "fingerprint", "system"})
"""Columns of a key that say nothing of a client: ids of ours, names of steps and of systems, days."""


def verdict_told(verdict: Verdict, key: Sequence[str]) -> dict[str, str]:
    """Heading -> Markdown."""
    failed = {one.says for one in verdict.findings}
    held = [says for says in verdict.expectations if says not in failed]
    told = {"does not hold": "\n\n".join(_found(one, verdict.view, key) for one in verdict.findings)}
    told["holds"] = "\n".join(f"- {says}" for says in held)
    return {heading: text for heading, text in told.items() if text}


def verdict_in_words(verdict: Verdict, key: Sequence[str], since: datetime | None) -> str:
    """What is wrong, since when, in which rows, and what to do: the page shows this in its place."""
    if verdict.ok:
        return f"All {len(verdict.expectations)} expectations hold for {verdict.rows} row(s)."
    already = f", since {moment(since)}" if since else ""
    head = f"{len(verdict.findings)} of {len(verdict.expectations)} expectations do not hold{already}."
    lines = [_line(one, verdict.view, key) for one in verdict.findings[:MOST]]
    more = [f"and {len(verdict.findings) - MOST} more"] if len(verdict.findings) > MOST else []
    todo = f"What to do: {mend(verdict.view)}" if verdict.misleads else "It deserves a look; the figures can be used."
    return "\n\n".join([head, "\n".join(f"- {one}" for one in [*lines, *more]), todo])


def mend(view: str) -> str:
    """What the operator does about a view that is wrong."""
    return (
        f"remove `state/views/{view}.parquet` and materialise `{view}`: it is made from the log again. Where it stays "
        "wrong, `agentos log check` says whether the log is in order; if it is, it is a fault of the program."
    )


def _line(finding: Finding, view: str, key: Sequence[str]) -> str:
    rows = f": {finding.rows} of {finding.of} row(s) do not" if finding.rows is not None else ""
    told = [part for part in (finding.why, _which(finding, view, key)) if part]
    return f"**{finding.says}**{rows}{''.join(f'; {part}' for part in told)}"


def _found(finding: Finding, view: str, key: Sequence[str]) -> str:
    rows = [
        ["what should hold", finding.says],
        ["expectation", f"`{finding.name}` ({', '.join(f'`{one}`' for one in finding.columns)})"],
        ["weight", "what the view says is wrong" if finding.severity == "critical" else "deserves a look"],
        ["rows", f"{finding.rows} of {finding.of}" if finding.rows is not None else ""],
        ["seen", finding.why],
        ["which", _which(finding, view, key)],
    ]
    return table(["", ""], [row for row in rows if row[1]])


def _which(finding: Finding, view: str, key: Sequence[str]) -> str:
    if not finding.keys:
        return ""
    if set(key) <= TELLING:
        return ", ".join(f"`{one}`" for one in finding.keys)
    events = ", ".join(str(seq) for seq in finding.seqs)
    return f"the rows of event {events}: `agentos check {view} --stale` names them"
