"""Cuts a source into passages that can be found, cited and read on their own."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import PurePosixPath
from typing import Literal

from agentos.agent import Passage
from agentos.capabilities.markdown import Block, blocks, front_matter

LONGEST = 1500
"""Characters a passage may hold before it is cut at the next paragraph: about 250 words, a screenful."""
_MARK = {"item": "- ", "quote": "> ", "row": "| "}


def chunk(
    source: str,
    text: str,
    *,
    title: str = "",
    origin: Literal["knowledge", "web"] = "knowledge",
    blob: str | None = None,
) -> list[Passage]:
    """Markdown or plain text as passages: never across a heading, cut at paragraphs.

    In a passage's text, blocks are separated by a blank line; list items begin with "- ", quotations with "> " and
    table rows with "| ", so that a reader can tell prose from the rest.
    """
    named, body = front_matter(text)
    parts = blocks(body)
    title = named or title or _first_heading(parts) or PurePosixPath(source).stem.replace("-", " ").replace("_", " ")
    numbers = count()
    return [
        Passage(source=source, title=title, heading=heading, place=next(numbers), text=piece, origin=origin, blob=blob)
        for heading, section in _sections(parts, title)
        for piece in _pieces(section)
    ]


def _first_heading(parts: list[Block]) -> str:
    top = [part.text for part in parts if part.kind == "heading" and part.level == 1]
    return top[0] if top else ""


def _sections(parts: list[Block], title: str) -> Iterator[tuple[str, list[Block]]]:
    heading, section = "", list[Block]()
    for part in parts:
        if part.kind != "heading":
            section.append(part)
            continue
        if section:
            yield heading, section
        heading, section = ("" if part.text == title else part.text), []
    if section:
        yield heading, section


def _pieces(section: list[Block]) -> Iterator[str]:
    piece = ""
    for part in section:
        text = _MARK.get(part.kind, "") + part.text
        if piece and len(piece) + len(text) > LONGEST:
            yield piece
            piece = ""
        piece = f"{piece}\n\n{text}" if piece else text
    if piece:
        yield piece
