"""`agentos check`: a line for each view, and below it what does not hold and in which rows."""

from __future__ import annotations

from collections.abc import Sequence

from agentos.expectations.verdict import Finding, Verdict
from desk.render.style import bad, counted, cut, dim, good, line, warn


def verdict_lines(verdict: Verdict, key: Sequence[str], width: int) -> list[str]:
    mark = good("✓") if verdict.ok else bad("✗") if verdict.misleads else warn("!")
    held = f"{counted(verdict.rows, 'row')}, {counted(len(verdict.expectations), 'expectation')}"
    lines = [f"{mark} {verdict.view:<16} {held}"]
    for one in verdict.findings:
        lines += [cut(text, width) for text in _finding(verdict.view, one)]
    return lines


def _finding(view: str, finding: Finding) -> list[str]:
    mark = bad("✗") if finding.severity == "critical" else warn("!")
    why = finding.why or (f"{finding.rows} of {finding.of} rows do not" if finding.rows is not None else "it does not")
    lines = [f"    {mark} {line(finding.says)}: {line(why)}"]
    lines += [dim(f"        agentos why {view} {line(_shell(key))}") for key in finding.keys]
    if finding.rows is not None and finding.rows > len(finding.keys) > 0:
        lines.append(dim(f"        and {finding.rows - len(finding.keys)} more"))
    return lines


def _shell(key: str) -> str:
    return key if all(char.isalnum() or char in "-_./:#@ " for char in key) else f"'{key}'"
