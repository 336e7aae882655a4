"""`agentos log check`: a line for each invariant, and each violation below it."""

from __future__ import annotations

from collections.abc import Iterable

from agentos.ids import short
from agentos.invariants.check import Report, invariants
from agentos.invariants.registry import Invariant, Violation
from desk.render.style import bad, bold, cut, dim, good, line, wrapped

MOST = 20
"""Violations of one invariant that are shown; --json holds them all."""


def check_lines(report: Report, width: int) -> list[str]:
    lines = []
    for code in (one.code for one in invariants()):
        found = [one for one in report.violations if one.code == code]
        mark = bad("✗") if found else good("✓")
        lines.append(f"  {mark} {code:<24} {report.checked[code]:>9}")
        lines += [cut(f"      {_where(one)}{line(one.why)}", width) for one in found[:MOST]]
        if len(found) > MOST:
            lines.append(dim(f"      and {len(found) - MOST} more (--json lists them)"))
    if report.unreadable:
        lines.append(dim(f"{report.unreadable} events belong to forgotten clients; their payloads were passed over."))
    whole = f"{report.events} events, {len(invariants())} invariants"
    verdict = good("All hold:") if report.ok else bad(f"{len(report.violations)} violations:")
    return [*lines, f"{verdict} {whole}."]


def list_lines(known: Iterable[Invariant], width: int) -> list[str]:
    lines = []
    for one in known:
        lines += [bold(one.code), *wrapped(one.says, width, "    ")]
    return lines


def _where(one: Violation) -> str:
    parts = [f"event {one.seq}"] if one.seq is not None else []
    return ", ".join(parts + ([f"task {short(one.task)}"] if one.task else [])) + (": " if parts or one.task else "")
