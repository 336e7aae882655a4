"""Invoice numbers from the operator's pattern: "{year}-{number:04}" -> "2026-0007"."""

from __future__ import annotations

import re
from string import Formatter

from agentos.errors import WorkspaceError

_WIDTHS = {"year": 4, "month": 2, "number": 1}
_SPEC = re.compile(r"0?\d{0,2}d?")


def check_pattern(pattern: str, *, where: str = "agentos.toml [business.invoice]") -> None:
    """Raise WorkspaceError unless `pattern` holds {number} and nothing but {year}, {month}, {number} and plain text.

    Only plain fields are let through: a str.format pattern could otherwise reach into attributes.
    """
    hint = 'Write a pattern such as "{year}-{number:04}".'
    try:
        fields = [
            (name, spec or "", change) for _, name, spec, change in Formatter().parse(pattern) if name is not None
        ]
    except ValueError as error:
        raise WorkspaceError(f"{pattern!r} is not a number pattern: {error}", where=where, hint=hint) from error
    for name, spec, change in fields:
        if name not in _WIDTHS or change or not _SPEC.fullmatch(spec):
            raise WorkspaceError(f"{pattern!r} uses {{{name}}}, which a number pattern can't", where=where, hint=hint)
    if "number" not in {name for name, _, _ in fields}:
        raise WorkspaceError(
            f"{pattern!r} has no {{number}}: every invoice would be called the same", where=where, hint=hint
        )


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
    for literal, name, _, _ in Formatter().parse(pattern):
        expression += re.escape(literal)
        if name:
            expression += f"(?P={name})" if name in seen else rf"(?P<{name}>\d{{{_WIDTHS[name]},}}?)"
            seen.add(name)
    match = re.fullmatch(expression, text)
    return int(match["number"]) if match else None
