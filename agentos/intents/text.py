"""Raw text made fit for the rules: no control characters, no hidden direction marks, no quoted mail."""

from __future__ import annotations

import re
import unicodedata

from agentos.intents.model import IntentRejected

MAX_CHARACTERS = 20_000
"""Longer than any request: what is longer is a document, and belongs into `knowledge/`."""

_HIDDEN = dict.fromkeys([*range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x206A), 0xFEFF, 0xAD])


_TERMINAL = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
"""Colours and cursor moves of a terminal (ECMA-48 control sequences)."""


def clean(text: str) -> str:
    """The text as the rules read it. Raises IntentRejected when nothing is left or it is too long; callers record the
    raw text first, so that what is refused here can still be found and sent again."""
    if len(text) > MAX_CHARACTERS:
        raise IntentRejected(
            f"The request has {len(text):,} characters; at most {MAX_CHARACTERS:,} are read as a request.",
            hint="Put the long text into knowledge/ as a file and say in a few sentences what to do with it.",
            code="intent.too_long",
        )
    normal = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n")).translate(_HIDDEN)
    visible = "".join(_visible(ch) for ch in _TERMINAL.sub(" ", normal))
    lines = [line for line in visible.split("\n") if not line.lstrip().startswith(">")]
    result = re.sub(r"\n{3,}", "\n\n", "\n".join(re.sub(r"[ \t]+", " ", line).strip() for line in lines)).strip()
    if not result:
        raise IntentRejected(
            "The request is empty.",
            hint='Say what you want done, as in: agentos run "Write a post about ..."',
            code="intent.empty",
        )
    return result


def _visible(ch: str) -> str:
    category = unicodedata.category(ch)
    if category == "Cs":
        return "\ufffd"
    if category == "Zs":
        return " "
    return " " if category == "Cc" and ch != "\n" else ch
