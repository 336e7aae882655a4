"""The pages the operator named in a text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

_URL = re.compile(r"(?:https?://|www\.)[^\s<>\"“”„«»`|^{}\\]+", re.IGNORECASE)
_MAX = 2000


@dataclass(frozen=True)
class FoundUrl:
    start: int
    end: int
    url: str


def find_urls(text: str) -> tuple[FoundUrl, ...]:
    """Addresses with http, https or www., without the sentence's punctuation. One that holds a user name or a password
    is left out: it would carry a secret into the log of fetched pages."""
    found = []
    for match in _URL.finditer(text):
        raw = _without_punctuation(match.group())
        url = raw if "://" in raw else f"https://{raw}"
        if len(url) <= _MAX and _plain(url):
            found.append(FoundUrl(match.start(), match.start() + len(raw), url))
    return tuple(found)


def _without_punctuation(raw: str) -> str:
    while raw and (raw[-1] in ".,;:!?'’‘*_~" or (raw[-1] in ")]" and _unopened(raw))):
        raw = raw[:-1]
    return raw


def _unopened(raw: str) -> bool:
    opening = {")": "(", "]": "["}[raw[-1]]
    return raw.count(raw[-1]) > raw.count(opening)


def _plain(url: str) -> bool:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return False
    return bool(parts.hostname) and "." in str(parts.hostname) and "@" not in parts.netloc
