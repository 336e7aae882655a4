"""On which line of a TOML file a key stands, so that an error can name it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator

Key = tuple[str | int, ...]

_TOKEN = re.compile(
    r'"""(?:\\.|[^\\])*?"""|\'\'\'.*?\'\'\'|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\'|#[^\n]*|[\[\]{}]|\n|[^"\'#\[\]{}\n]+|.',
    re.DOTALL,
)


def key_lines(text: str) -> dict[Key, int]:
    """Line numbers (from 1) of every table and key of a valid TOML text: ("business", "name") -> 3. The n-th
    [[table]] is
    ("table", n). Keys inside an inline table or array are not in it: their line is that of the key they belong to."""
    lines: dict[Key, int] = {}
    counts: dict[Key, int] = {}
    table: Key = ()
    for line, statement in _statements(text):
        if statement.startswith("[["):
            name = _key(statement[2:].rsplit("]]", 1)[0])
            counts[name] = counts.get(name, -1) + 1
            lines.setdefault(name, line)
            table = (*name, counts[name])
        elif statement.startswith("["):
            table = _key(statement[1:].rsplit("]", 1)[0])
        else:
            key = (*table, *_key(statement))
            lines.update({key[:size]: line for size in range(len(table) + 1, len(key) + 1) if key[:size] not in lines})
            continue
        lines.setdefault(table, line)
    return lines


def line_of(text: str, key: Key) -> int:
    """The line of `key`, or of the nearest thing around it that has one; 1 when nothing does."""
    lines = key_lines(text)
    return next((lines[key[:size]] for size in range(len(key), 0, -1) if key[:size] in lines), 1)


def _statements(text: str) -> Iterator[tuple[int, str]]:
    """Each header and each assignment without comments, with its first line; brackets and long strings may span
    lines."""
    depth, line, start, parts = 0, 1, 1, list[str]()
    for match in _TOKEN.finditer(text + "\n"):
        piece = match.group()
        depth += (piece in "[{") - (piece in "]}")
        if piece == "\n" and depth <= 0:
            statement = "".join(parts).strip()
            if statement:
                yield start, statement
            parts, depth = [], 0
        elif not piece.startswith("#"):
            if not "".join(parts).strip():
                start = line
            parts.append(piece)
        line += piece.count("\n")


def _key(text: str) -> Key:
    """The dotted key that a statement begins with, read by the TOML parser itself."""
    name = re.match(r'(?:\s*(?:"(?:\\.|[^"\\])*"|\'[^\']*\'|[A-Za-z0-9_-]+)\s*\.?)+', text)
    if not name:
        return ()
    value: object = tomllib.loads(f"{name.group().strip()} = 0")
    key: list[str | int] = []
    while isinstance(value, dict):
        ((part, value),) = value.items()
        key.append(part)
    return tuple(key)
