"""Number patterns of `[business.invoice]`: what one may hold, and whether two of them can write the same number.

An invoice and its credit note stand in one folder and in one series of books. A number that both patterns can give
would be refused only when a credit note is due, long after the pattern could be changed easily.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from string import Formatter
from typing import Literal

FIELDS: dict[str, tuple[int, int | None]] = {"year": (4, 4), "month": (1, 2), "number": (1, None)}
"""Name -> fewest and most digits."""
_SPEC = re.compile(r"(0?)(\d{0,2})d?")
_DIGIT = "any digit"

Piece = tuple[str, Literal["one", "optional", "many"]]
"""One character (or _DIGIT for any digit), and how often: once, at most once, or any number of times."""


def pattern_fault(pattern: str) -> str:
    """What is wrong with one pattern, in words that follow its name; "" when nothing is.

    Only plain fields are let through: a str.format pattern could otherwise reach into attributes.
    """
    try:
        fields = [
            (name, spec or "", change) for _, name, spec, change in Formatter().parse(pattern) if name is not None
        ]
    except ValueError as error:
        return f"is not a number pattern: {error}."
    for name, spec, change in fields:
        if name not in FIELDS:
            return f"uses {{{name}}}, which a number pattern can't: it knows {{year}}, {{month}} and {{number}}."
        if change or not _SPEC.fullmatch(spec):
            return f"uses {{{name}}} in a form which a number pattern can't: write a width such as {{{name}:04}}."
    if "number" not in {name for name, _, _ in fields}:
        return "has no {number}: every invoice would get the same number."
    return ""


def may_coincide(one: str, other: str) -> bool:
    """Whether some number written by `one` is also one that `other` can write, whatever the years, months and numbers.

    Compared as the names of the files: letters of either case are the same, and so are signs a file's name can't have.
    Both patterns are free of faults. It walks through both at once, over every pair of places that can be reached.
    """
    a, b = _pieces(one), _pieces(other)
    seen, ahead = set[tuple[int, int]](), [(0, 0)]
    while ahead:
        place = ahead.pop()
        if place not in seen:
            seen.add(place)
            ahead += _next(a, b, *place)
    return (len(a), len(b)) in seen


def _next(a: list[Piece], b: list[Piece], i: int, j: int) -> Iterator[tuple[int, int]]:
    """The places after one more character that both allow, or after leaving out one that need not be there."""
    if i < len(a) and a[i][1] != "one":
        yield i + 1, j
    if j < len(b) and b[j][1] != "one":
        yield i, j + 1
    if i < len(a) and j < len(b) and _same(a[i][0], b[j][0]):
        yield i + (a[i][1] != "many"), j + (b[j][1] != "many")


def _same(one: str, other: str) -> bool:
    return one == other or (one == _DIGIT and other.isdecimal()) or (other == _DIGIT and one.isdecimal())


def _pieces(pattern: str) -> list[Piece]:
    pieces: list[Piece] = []
    for literal, name, spec, _ in Formatter().parse(pattern):
        text = unicodedata.normalize("NFC", re.sub(r"\s+", " ", literal)).casefold()
        pieces += [(character, "one") for character in text]
        if name:
            pieces += _field(name, spec or "")
    while pieces and pieces[0][0] in " .":
        del pieces[0]
    while pieces and pieces[-1][0] == " ":
        del pieces[-1]
    return [(re.sub(r"[^\w.\-]", "_", sign) if sign != _DIGIT else sign, often) for sign, often in pieces]


def fewest_digits(name: str, spec: str) -> int:
    """Of a field: its own, or its width where that begins with 0 and so is filled up with zeros."""
    zero, width = _form(spec)
    return max(FIELDS[name][0], width if zero else 0)


def _form(spec: str) -> tuple[bool, int]:
    match = _SPEC.fullmatch(spec)
    return (bool(match[1]), int(match[2] or 0)) if match else (False, 0)


def _field(name: str, spec: str) -> list[Piece]:
    """A width that begins with 0 is filled up with zeros, another one with blanks."""
    zero, width = _form(spec)
    fewest, most = fewest_digits(name, spec), FIELDS[name][1]
    pieces: list[Piece] = [(" ", "many")] if width > 1 and not zero else []
    pieces += [(_DIGIT, "one") for _ in range(fewest)]
    pieces += [(_DIGIT, "optional") for _ in range(fewest, most or 0)]
    return pieces if most else [*pieces, (_DIGIT, "many")]
