"""Names for files and addresses, made from titles in any language."""

from __future__ import annotations

import re
import unicodedata

_SPELT = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "æ": "ae", "ø": "oe", "å": "aa", "ł": "l", "đ": "d"}
)


def slugify(text: str, *, fallback: str, limit: int = 60) -> str:
    """Lower-case ASCII letters, digits and single hyphens, cut at a word; `fallback` where nothing is left."""
    spelt = unicodedata.normalize("NFC", text).casefold().translate(_SPELT)
    ascii_only = unicodedata.normalize("NFKD", spelt).encode("ascii", "ignore").decode()
    slug = re.sub(r"[^a-z0-9]+", "-", ascii_only).strip("-")
    if len(slug) > limit:
        slug = (slug[: limit + 1].rpartition("-")[0] or slug[:limit]).strip("-")
    return slug or fallback


def unique(slug: str, taken: set[str]) -> str:
    """`slug`, or `slug-2`, `slug-3` and so on: the first that is free."""
    number, candidate = 1, slug
    while candidate in taken:
        number += 1
        candidate = f"{slug}-{number}"
    return candidate
