"""The envelope: what is appended (`NewEvent`) and what was stored (`Record`)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from agentos.clock import from_micros

FORGOTTEN = "$forgotten"
"""A sealed payload whose key was destroyed reads as {"$forgotten": true}; folds treat it as a value."""


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event on its way into the log. `key` is its idempotency key; `subject` the client whose key seals `data`."""

    type: str
    stream: str
    data: Mapping[str, Any]
    key: str | None = None
    actor: str = "system"
    subject: str | None = None
    correlation: str | None = None
    causation: str | None = None
    version: int = 1
    id: str = ""


@dataclass(frozen=True)
class Record:
    """An event as it stands in the log. `data` is decoded (and unsealed, and upcast) when first read."""

    seq: int
    id: str
    stream: str
    version: int
    type: str
    at_micros: int
    actor: str
    subject: str | None
    key: str | None
    correlation: str | None
    causation: str | None
    stored: bytes
    hash: bytes
    decode: Callable[[Record], dict[str, Any]] = field(repr=False, compare=False)

    @cached_property
    def data(self) -> dict[str, Any]:
        return self.decode(self)

    @property
    def at(self) -> datetime:
        return from_micros(self.at_micros)

    @property
    def forgotten(self) -> bool:
        return FORGOTTEN in self.data

    def as_json(self) -> dict[str, Any]:
        """The envelope and payload as plain JSON values, times in ISO 8601."""
        return {
            "seq": self.seq,
            "id": self.id,
            "stream": self.stream,
            "version": self.version,
            "type": self.type,
            "at": self.at.isoformat(),
            "actor": self.actor,
            "subject": self.subject,
            "key": self.key,
            "correlation": self.correlation,
            "causation": self.causation,
            "data": self.data,
            "hash": self.hash.hex(),
        }


class Appended(list[Record]):
    """What one append wrote.

    `since`: after it and up to these, nothing else was written to their streams; so whoever has folded a stream up to
    `since` may go on with these and needs no read. A log that can't tell says the seq just before the first.
    """

    def __init__(self, records: Iterable[Record], since: int) -> None:
        super().__init__(records)
        self.since = since
