"""What the operator says, as the log can keep it: text that can be stored, and no longer than a person writes."""

from __future__ import annotations

from typing import Any

from agentos.errors import Refused

MOST_SAID = 20_000
"""Characters of an answer or a reason, as many as a request may have."""
MOST_EDITED = 1_000_000
"""Characters of an edited text: a book's."""


def said(text: str, what: str, most: int = MOST_SAID) -> str:
    """The text; bytes of the terminal that are no UTF-8 (lone surrogates, in Python) come as question marks. Raises
    Refused when it is too long: nothing is cut in silence."""
    if len(text) > most:
        hint = "Say it shorter; a long text goes into knowledge/ as a file."
        raise Refused(
            f"{what} has {len(text):,} characters; at most {most:,} are kept.", hint=hint, code="text.too_long"
        )
    return text.encode("utf-8", "replace").decode()


def edited(value: Any) -> Any:
    """The same for every text in a patch."""
    if isinstance(value, str):
        return said(value, "The text", MOST_EDITED)
    if isinstance(value, dict):
        return {key: edited(part) for key, part in value.items()}
    return [edited(part) for part in value] if isinstance(value, list) else value
