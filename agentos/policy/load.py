"""Reads `policy.toml`. What is wrong stops with file and line, and with what was expected there."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from decimal import Decimal
from importlib import resources
from typing import Any

from pydantic import ValidationError

from agentos.errors import WorkspaceError
from agentos.policy.model import Policy

FILE = "policy.toml"
_PLACE = re.compile(r"\(at line (\d+), column \d+\)")
_HINT = "`agentos init` writes a policy.toml that says what each line means."


def parse_policy(text: str, *, file: str = FILE) -> Policy:
    """The policy in `text`. Raises WorkspaceError; numbers are read as exact decimals, never as floats."""
    try:
        return Policy.model_validate(tomllib.loads(text, parse_float=Decimal))
    except tomllib.TOMLDecodeError as error:
        place = _PLACE.search(str(error))
        line = int(place[1]) if place else len(text.splitlines())
        message = f"this is not TOML: {_PLACE.sub('', str(error)).strip()}."
        raise WorkspaceError(message, where=f"{file}:{line}", hint="Check quotes and brackets.") from None
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        path = tuple(str(part) for part in first["loc"] if part != "[key]")
        raise WorkspaceError(_explain(path, first), where=f"{file}:{line_of(text, path)}", hint=_HINT) from None


def template() -> str:
    """The commented policy that a new workspace starts with."""
    return resources.files("agentos.policy").joinpath("template.toml").read_text("utf-8")


def _explain(path: tuple[str, ...], error: Any) -> str:
    name = ".".join(path) or "the file"
    if error["type"] == "extra_forbidden":
        return f"{name} is not a setting."
    expected = error["msg"].removeprefix("Value error, ")
    return f"{name}: {expected[:1].lower()}{expected[1:]}."


def line_of(text: str, path: tuple[str, ...]) -> int:
    """The line (from 1) of the setting `path`, or of the deepest table above it that is there."""
    best, line = 0, 1
    for number, written in _settings(text):
        depth = len(written)
        if depth > best and written == path[:depth]:
            best, line = depth, number
    return line


def _settings(text: str) -> Iterator[tuple[int, tuple[str, ...]]]:
    """(line, full path) of every table header and of every key that opens a line."""
    table: tuple[str, ...] = ()
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.strip()
        if line.startswith("["):
            table = _parts(line.strip("[] \t").partition("#")[0].rstrip("] \t"))
            yield number, table
        elif "=" in line and not line.startswith("#"):
            yield number, (*table, *_parts(line.partition("=")[0]))


def _parts(dotted: str) -> tuple[str, ...]:
    return tuple(bare or quoted for quoted, bare in re.findall(r"\"([^\"]*)\"|([\w-]+)", dotted))
