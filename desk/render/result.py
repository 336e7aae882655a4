"""A step's result as a person reads it: its text, its sources, and the rest as a list."""

from __future__ import annotations

from typing import Any

from desk.render.card import text_of
from desk.render.style import bold, clean, cut, dim, line, wrapped
from desk.results import text_in

Json = dict[str, Any]
BEGINNING = 30
"""Lines of a task's text that are printed when it ends."""
_PASSAGE = 240
"""Characters of a source that stand in the list of what was read."""


def text_lines(text: str, width: int, *, most: int | None = None, more: str = "") -> list[str]:
    """Markdown wrapped to the terminal; the first `most` lines of it, and then what shows the rest."""
    lines = [one for source in clean(text).splitlines() for one in (wrapped(source, width, "  ") if source else [""])]
    while lines and not lines[-1].strip():
        lines.pop()
    if most is None or len(lines) <= most + 2:
        return lines
    return [*lines[:most], dim(f"  … {len(lines) - most} more lines: {more}")]


def result_lines(step: str, output: Json, width: int) -> list[str]:
    """One step's result under its name."""
    left = dict(output)
    lines = [bold(line(step))]
    if (text := text_in(output)) is not None:
        lines += text_lines(text, width)
        left = {key: value for key, value in left.items() if key not in ("title", "markdown")}
    for proposal in left.pop("proposals", ()):
        lines += _proposal(proposal, width)
    for passage in left.pop("passages", ()):
        lines += _passage(passage, width)
    for key, value in left.items():
        lines += _field(key, value, width)
    return lines


def _proposal(proposal: Json, width: int) -> list[str]:
    readable = text_of(proposal["payload"])
    body = text_lines(readable[1], width) if readable else _field("payload", proposal["payload"], width)
    return [*wrapped(proposal["title"], width, "  → ", "    "), *body, ""]


def _passage(passage: Json, width: int) -> list[str]:
    where = " · ".join(line(passage[key]) for key in ("source", "heading") if passage.get(key))
    return [*wrapped(where, width, "  - ", "    "), *wrapped(cut(passage.get("text", ""), _PASSAGE), width, "    ")]


def _field(key: str, value: Any, width: int) -> list[str]:
    """Nothing for what is empty; a line for each part of a list."""
    if value in (None, "", [], {}):
        return []
    name = line(key).replace("_", " ")
    if isinstance(value, list):
        return [f"  {name}:", *(text for part in value for text in wrapped(_said(part), width, "    - ", "      "))]
    return wrapped(f"{name}: {_said(value)}", width, "  ", "    ")


def _said(value: Any) -> str:
    if isinstance(value, dict):
        said = {key.replace("_", " "): _said(part) for key, part in value.items() if part not in (None, "")}
        return "; ".join(f"{key}: {part}" for key, part in said.items())
    if isinstance(value, list):
        return ", ".join(_said(part) for part in value)
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)
