"""Invoice numbers from the operator's pattern: "{year}-{number:04}" -> "2026-0007"."""

from __future__ import annotations

import re
from string import Formatter

from agentos.errors import WorkspaceError
from agentos.workspace.patterns import FIELDS, fewest_digits, pattern_fault


def check_pattern(pattern: str, *, where: str = "agentos.toml [business.invoice]") -> None:
    """Raise WorkspaceError unless `pattern` holds {number} and nothing but {year}, {month}, {number} and plain text."""
    if fault := pattern_fault(pattern):
        raise WorkspaceError(f"{pattern!r} {fault}", where=where, hint='Write a pattern such as "{year}-{number:04}".')


def format_number(pattern: str, year: int, month: int, number: int) -> str:
    """The number as it stands on the document. Raises WorkspaceError for a bad pattern."""
    check_pattern(pattern)
    return pattern.format(year=year, month=month, number=number)


def parse_number(pattern: str, text: str) -> int | None:
    """The running number inside `text`, or None when `text` was not made from `pattern`.

    What a restore needs to go on above the highest number seen outside.
    """
    check_pattern(pattern)
    expression, seen = "", set()
    for literal, name, spec, _ in Formatter().parse(pattern):
        expression += re.escape(literal)
        if name:
            fewest, most = fewest_digits(name, spec or ""), FIELDS[name][1]
            digits = rf"(?P<{name}>\d{{{fewest},{max(most, fewest) if most else ''}}}?)"
            expression += f"(?P={name})" if name in seen else digits
            seen.add(name)
    match = re.fullmatch(expression, text)
    return int(match["number"]) if match else None
