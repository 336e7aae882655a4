"""Reading one file the operator edits: clear errors for every way a text editor, a sync tool or a slip can break it."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable, Iterator
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, TypeVar, get_origin

from pydantic import BaseModel, ValidationError

from agentos.errors import WorkspaceError
from agentos.workspace.lines import Key, line_of

MAX_BYTES = 512 * 1024
"""Larger than any configuration a person writes."""

M = TypeVar("M", bound=BaseModel)


def inside(root: Path, path: Path) -> bool:
    """Whether the file, links followed, lies in the workspace: a link out of it would let foreign text in unseen."""
    return path.resolve().is_relative_to(root.resolve())


def read_bytes(root: Path, path: Path) -> bytes:
    where = relative(root, path)
    if not inside(root, path):
        raise WorkspaceError(
            "is a link to a place outside the workspace.", where=where, hint="Put the file itself there."
        )
    try:
        if not path.is_file():
            kind = "does not exist" if not path.exists() else "is not a file"
            raise WorkspaceError(f"{kind}.", where=where, hint="agentos init adds what is missing.")
        size = path.stat().st_size
        data = path.read_bytes() if size <= MAX_BYTES else b""
    except OSError as error:
        raise WorkspaceError(
            f"can't be read ({error.strerror}).", where=where, hint="Check its owner and permissions."
        ) from error
    if size > MAX_BYTES:
        raise WorkspaceError(
            f"has {size:,} bytes; at most {MAX_BYTES:,} are read.", where=where, hint="Is it the right file?"
        )
    return data


def decode(data: bytes, where: str) -> str:
    """UTF-8 with or without a byte order mark, any line ends. Names the line of a bad byte."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise WorkspaceError("is saved as UTF-16.", where=where, hint="Save it as UTF-8 in your editor.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise WorkspaceError(
            "is not UTF-8 text.", where=f"{where}:{line}", hint="Save it as UTF-8 in your editor."
        ) from error
    return text.replace("\r\n", "\n").replace("\r", "\n")


def parse(text: str, where: str) -> dict[str, Any]:
    """TOML as Python values; decimals stay exact."""
    try:
        data = tomllib.loads(text, parse_float=_exact)
    except (tomllib.TOMLDecodeError, InvalidOperation, RecursionError) as error:
        message, line = _syntax(str(error), text)
        raise WorkspaceError(
            f"{message}.", where=f"{where}:{line}", hint='Expected TOML such as: key = "text"'
        ) from error
    except ValueError as error:  # an integer of thousands of digits
        raise WorkspaceError("holds a number that is too long.", where=where, hint="Shorten it.") from error
    for key in _too_large(data):
        raise wrong(text, where, key, "is larger than any number that can be kept.", "Shorten it.")
    return data


def _too_large(value: Any, key: Key = ()) -> Iterator[Key]:
    """The places of integers that the log can't hold: JSON as it is written there ends at 64 bits, as TOML does."""
    if isinstance(value, dict | list):
        inner = value.items() if isinstance(value, dict) else enumerate(value)
        for name, part in inner:
            yield from _too_large(part, (*key, name))
    elif isinstance(value, int) and not -(2**63) <= value < 2**63:
        yield key


def _exact(text: str) -> Decimal | float:
    return float(text) if text.lstrip("+-") in {"inf", "nan"} else Decimal(text)


def _syntax(message: str, text: str) -> tuple[str, int]:
    match = re.search(r"\s*\(at (?:line (\d+), column \d+|end of document)\)$", message)
    if not match:
        return "is nested too deeply or malformed", 1
    line = int(match[1]) if match[1] else text.count("\n") + 1
    what = message[: match.start()]
    return f"is not valid TOML: {what[0].lower()}{what[1:]}" if what else "is not valid TOML", line


def validate(model: type[M], data: dict[str, Any], text: str, where: str) -> M:
    """The typed value, or a WorkspaceError that names the line of the first thing wrong, what was expected, and
    how many more there are. Values are never quoted: a key pasted into the wrong line must not end in a log."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        errors = error.errors(include_url=False, include_input=False, include_context=True)
        # A misspelt key is also a missing one: the line it stands on says more than where it is missed.
        located = [(one["type"] == "missing", line_of(text, tuple(one["loc"])), n) for n, one in enumerate(errors)]
        _, line, first = min(located)
        message, hint = _explain(model, tuple(errors[first]["loc"]), errors[first]["type"], errors[first]["msg"])
        more = f" ({len(errors) - 1} more after it.)" if len(errors) > 1 else ""
        raise WorkspaceError(f"{message}{more}", where=f"{where}:{line}", hint=hint) from None


def wrong(text: str, where: str, key: Key, message: str, hint: str = "") -> WorkspaceError:
    """An error about the value of `key`."""
    return WorkspaceError(f"{dotted(key)} {message}", where=f"{where}:{line_of(text, key)}", hint=hint)


def _explain(model: type[BaseModel], key: Key, kind: str, message: str) -> tuple[str, str]:
    name = dotted(key)
    if kind == "extra_forbidden":
        known = _fields(model, key[:-1])
        near = difflib.get_close_matches(str(key[-1]), known, n=1)
        if str(key[-1]) == "api_key":
            return (
                f"{name} is not a setting.",
                'Name the environment variable that holds the key: api_key_env = "OPENAI_API_KEY"',
            )
        return f"{name} is not a setting.", f"Did you mean {near[0]}?" if near else f"Known here: {', '.join(known)}."
    if kind == "missing":
        return f"{name} is missing.", f"Add a line: {key[-1]} = ..."
    description = _description(model, key)
    said = message.removeprefix("Value error, ")
    return (
        f"{name}: {said[0].lower()}{said[1:]}.",
        f"Expected: {description}." if description else "Mend that line, then check with: agentos doctor",
    )


def _model_at(model: type[BaseModel], key: Key) -> type[BaseModel] | None:
    """The model in which the last part of `key` would be a field; the free names of a table (dict) are passed over."""
    current: type[BaseModel] | None = model
    free = False
    for part in key:
        if isinstance(part, int) or current is None or free:
            free = False
            continue
        field = current.model_fields.get(part)
        current = next(iter(_models(field.annotation)), None) if field else None
        free = field is not None and get_origin(field.annotation) is dict
    return current


def _models(annotation: Any) -> Iterable[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in getattr(annotation, "__args__", ()):
        yield from _models(argument)


def _fields(model: type[BaseModel], key: Key) -> list[str]:
    owner = _model_at(model, key)
    return sorted(owner.model_fields) if owner else []


def _description(model: type[BaseModel], key: Key) -> str:
    owner = _model_at(model, key[:-1]) if key else None
    field = owner.model_fields.get(str(key[-1])) if owner else None
    if field is None:
        return ""
    inner = [getattr(m, "description", None) for a in (field.annotation, *getattr(field.annotation, "__args__", ()))
             for m in getattr(a, "__metadata__", ())]  # fmt: skip
    return field.description or next((text for text in inner if text), "") or ""


def dotted(key: Key) -> str:
    """("models", "small", 0, "model") as models.small[1].model: people count from one."""
    return "".join(f"[{part + 1}]" if isinstance(part, int) else f".{part}" for part in key).lstrip(".")


def relative(root: Path, path: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name
