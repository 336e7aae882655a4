"""Colours, widths, times and amounts. Colours are ANSI codes that click strips where there is no terminal."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime, timedelta, tzinfo
from decimal import Decimal
from typing import Any

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def clean(text: object) -> str:
    """Without control and direction characters: a text from outside must not steer the terminal."""
    return _CONTROL.sub("", str(text))


def line(text: object) -> str:
    """Cleaned, on one line."""
    return " ".join(clean(text).split())


def bold(text: str) -> str:
    return f"\x1b[1m{text}\x1b[0m"


def dim(text: str) -> str:
    return f"\x1b[2m{text}\x1b[0m"


def good(text: str) -> str:
    return f"\x1b[32m{text}\x1b[0m"


def warn(text: str) -> str:
    return f"\x1b[33m{text}\x1b[0m"


def bad(text: str) -> str:
    return f"\x1b[31m{text}\x1b[0m"


def cut(text: object, width: int) -> str:
    flat = line(text)
    return flat if len(flat) <= width else flat[: max(width - 1, 0)].rstrip() + "…"


def wrapped(text: object, width: int, indent: str = "", hang: str | None = None) -> list[str]:
    """One paragraph; `hang` is the indent of the lines after the first."""
    import textwrap

    rest = indent if hang is None else hang
    found = textwrap.wrap(line(text), width, initial_indent=indent, subsequent_indent=rest, break_on_hyphens=False)
    return found or [indent.rstrip()]


def money(value: Any) -> str:
    """{"amount": "1200.00", "currency": "EUR"} as "1,200.00 EUR"; a fraction of a cent keeps its digits."""
    amount = Decimal(str(value["amount"]))
    whole = amount == amount.quantize(Decimal("0.01"))
    shown = f"{amount:,.2f}" if whole or abs(amount) >= 1 else f"{amount.normalize():f}"
    return f"{shown} {value['currency']}"


def costs(values: Iterable[Any]) -> str:
    """Sums in several currencies; "nothing" when all are zero."""
    shown = [money(value) for value in values if Decimal(str(value["amount"]))]
    return " + ".join(shown) or "nothing"


def counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def moment(at: datetime, zone: tzinfo, now: datetime) -> str:
    """ "14:05" today, "23 Nov 14:05" this year, with the year otherwise."""
    local, today = at.astimezone(zone), now.astimezone(zone)
    if local.date() == today.date():
        return f"{local:%H:%M}"
    return f"{local.day} {local:%b %H:%M}" if local.year == today.year else f"{local.day} {local:%b %Y %H:%M}"


def span(length: timedelta) -> str:
    """A length of time as a person says it: "3 s", "12 min", "5 h", "2 days"."""
    seconds = max(length.total_seconds(), 0)
    for limit, size, unit in ((90, 1, "s"), (5400, 60, "min"), (129_600, 3600, "h")):
        if seconds < limit:
            return f"{round(seconds / size)} {unit}"
    return f"{round(seconds / 86_400)} days"


def columns(rows: list[list[str]], gap: str = "  ") -> list[str]:
    """Rows with their cells aligned; the last column is left as it is."""
    import click

    if not rows:
        return []
    count = max(len(row) for row in rows)
    sizes = [max(len(click.unstyle(row[i])) for row in rows if i < len(row)) for i in range(count)]
    lines = []
    for row in rows:
        cells = [cell + " " * (sizes[i] - len(click.unstyle(cell))) for i, cell in enumerate(row[:-1])]
        lines.append(gap.join([*cells, row[-1]]).rstrip())
    return lines
