"""Markdown read as blocks of plain prose: what headings, paragraphs and lists say, without their marks."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

BlockKind = Literal["heading", "paragraph", "item", "quote", "row"]
_FRONT_MATTER = re.compile(
    r"\A---[ \t]*\r?\n(.*?)\r?\n---[ \t]*(?:\r?\n|\Z)|\A\+\+\+[ \t]*\r?\n(.*?)\r?\n\+\+\+[ \t]*(?:\r?\n|\Z)", re.S
)
_TITLE = re.compile(r"""^title\s*[:=]\s*["']?(.+?)["']?\s*$""", re.M)


@dataclass(frozen=True)
class Block:
    """`level` is 1 to 6 for headings and 0 otherwise; `text` is one line of plain text."""

    kind: BlockKind
    text: str
    level: int = 0


def front_matter(text: str) -> tuple[str, str]:
    """(the title named in YAML or TOML front matter or "", the text without it)."""
    match = _FRONT_MATTER.match(text)
    if not match:
        return "", text
    title = _TITLE.search(match.group(1) or match.group(2) or "")
    return (title.group(1) if title else ""), text[match.end() :]


def blocks(text: str) -> list[Block]:
    """The prose of a Markdown text. Code, images and raw HTML are left out; a table becomes one block per row."""
    return [block for block in _walk(_parser().parse(text)) if block.text]


def images(text: str) -> list[tuple[str, str, str]]:
    """(address, alternative text, title) of every image."""
    found = []
    for token in _parser().parse(text):
        for child in token.children or []:
            if child.type == "image":
                found.append((str(child.attrGet("src") or ""), child.content, str(child.attrGet("title") or "")))
    return found


def _walk(tokens: Sequence[Token]) -> Iterator[Block]:
    open_: list[str] = []
    row: list[str] = []
    level = 0
    for token in tokens:
        if token.nesting == 1:
            open_.append(token.type)
            level = int(token.tag[1]) if token.type == "heading_open" else level
            row = [] if token.type == "tr_open" else row
        elif token.nesting == -1:
            open_.pop()
            if token.type == "tr_close":
                yield Block("row", " | ".join(row))
        elif token.type == "inline":
            plain = _plain(token.children or [])
            if open_[-1] in ("td_open", "th_open"):
                row.append(plain)
            else:
                yield _block(open_, plain, level)


def _block(open_: list[str], plain: str, level: int) -> Block:
    if open_[-1] == "heading_open":
        return Block("heading", plain, level)
    if "blockquote_open" in open_:
        return Block("quote", plain)
    return Block("item" if "list_item_open" in open_ else "paragraph", plain)


def _plain(children: Sequence[Token]) -> str:
    parts = []
    for child in children:
        if child.type in ("text", "code_inline"):
            parts.append(child.content)
        elif child.type in ("softbreak", "hardbreak"):
            parts.append(" ")
    return re.sub(r"\s+", " ", "".join(parts)).strip()


@lru_cache(maxsize=1)
def _parser() -> MarkdownIt:
    """Indented code is off: people indent prose in notes far more often than code."""
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark").enable("table").disable("code")
