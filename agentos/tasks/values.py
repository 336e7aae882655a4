"""Outputs as they are recorded: small ones in the event, large ones as a blob that the event names."""

from __future__ import annotations

from typing import Any

import orjson

from agentos.events.blobs import Blobs
from agentos.ids import digest
from agentos.tasks.rows import opened_rows, sealed_rows

LARGE = 4096
"""Bytes of JSON above which a value becomes a blob."""
BLOB = "$blob"


def canonical(value: Any) -> bytes:
    """JSON with sorted keys: equal values have equal bytes, and so equal digests."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def digest_of(value: Any) -> str:
    return digest(canonical(value))


def pack(value: Any, blobs: Blobs, subject: str | None) -> Any:
    """`value`, or {"$blob": digest} once its bytes are durable. Rows about other clients are sealed with their keys."""
    value = sealed_rows(value, blobs.sealer, subject)
    data = canonical(value)
    return {BLOB: blobs.put(data, subject)} if len(data) > LARGE else value


def unpack(value: Any, blobs: Blobs, subject: str | None) -> Any:
    """The value again. None when it belonged to a client who was forgotten."""
    if isinstance(value, dict) and value.keys() == {BLOB}:
        data = blobs.get(value[BLOB], subject)
        value = None if data is None else orjson.loads(data)
    return opened_rows(value, blobs.sealer)
