"""The hash chain over the stored bytes. Verifying parses no payload: it reads columns and hashes them."""

from __future__ import annotations

import hashlib

import orjson

GENESIS = bytes(32)


def link(
    previous: bytes,
    seq: int,
    id: str,
    stream: str,
    version: int,
    type: str,
    at_micros: int,
    actor: str,
    subject: str | None,
    key: str | None,
    correlation: str | None,
    causation: str | None,
    stored: bytes,
) -> bytes:
    """SHA-256 over the previous hash, the envelope as a JSON array, and the payload's stored (sealed) bytes."""
    envelope = orjson.dumps(
        [seq, id, stream, version, type, at_micros, actor, subject, key, correlation, causation, len(stored)]
    )
    return hashlib.sha256(previous + envelope + stored).digest()
