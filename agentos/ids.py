"""UUIDv7 (RFC 9562): ids that sort by the time they were made."""

from __future__ import annotations

import hashlib
import os
import time


def uuid7(unix_ms: int | None = None, entropy: bytes | None = None) -> str:
    """A UUIDv7 as its canonical 36 characters. `entropy` (10 bytes) makes it reproducible for replays."""
    ms = time.time_ns() // 1_000_000 if unix_ms is None else unix_ms
    rand = os.urandom(10) if entropy is None else entropy
    value = (ms & ((1 << 48) - 1)) << 80 | int.from_bytes(rand, "big")
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def digest(data: bytes) -> str:
    """SHA-256 as 64 hex digits: the one digest used for blobs, requests and payloads."""
    return hashlib.sha256(data).hexdigest()


def short(identifier: str) -> str:
    """The last eight hex digits of an id: what a person reads and types. The head of a UUIDv7 is only its time."""
    return identifier.replace("-", "")[-8:]
