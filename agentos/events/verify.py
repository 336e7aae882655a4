"""Verifying the log: the chain over the stored bytes, the witnesses outside, and the blobs that events name."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from agentos.events.chain import GENESIS, link

if TYPE_CHECKING:
    from agentos.events.blobs import Blobs
    from agentos.events.sqlite import SQLiteLog


@dataclass(frozen=True)
class Verdict:
    """`first_bad`: the sequence number of the first event that is wrong or missing; None when all is well, or when the
    fault is in a blob (`why` names it)."""

    ok: bool
    events: int
    blobs: int
    first_bad: int | None = None
    why: str = ""


def verify(log: SQLiteLog, blobs: Blobs | None = None, witnesses: Iterable[tuple[int, bytes]] = ()) -> Verdict:
    """Recompute the chain from the first event. Parses no payload and needs no key."""
    import apsw

    noted = dict(witnesses)
    previous, seq = GENESIS, 0
    try:
        for row in log.rows():
            fault = _fault(row, seq, previous, noted)
            if fault:
                return Verdict(False, seq, 0, seq + 1, fault)
            seq, previous = row[0], bytes(row[12])
    except apsw.Error as error:
        return Verdict(False, seq, 0, seq + 1, f"the database can't be read on from here: {error}")
    if noted and max(noted) > seq:
        return Verdict(
            False, seq, 0, seq + 1, f"the log was cut: event {max(noted)} is witnessed, and it ends at {seq}"
        )
    return _blobs(seq, blobs)


def _fault(row: Any, before: int, previous: bytes, noted: dict[int, bytes]) -> str:
    seq, stored, hash = row[0], bytes(row[11]), bytes(row[12])
    if seq != before + 1:
        return f"event {before + 1} is missing: the next one is {seq}"
    columns = (*row[:11], stored)
    if link(previous, *columns) != hash:
        return f"event {seq} was changed: its hash does not follow from its content"
    if noted.get(seq, hash) != hash:
        return f"event {seq} is another one than was witnessed outside"
    return ""


def _blobs(events: int, blobs: Blobs | None) -> Verdict:
    count = 0
    for name in blobs.names() if blobs is not None else ():
        if blobs is not None and not blobs.intact(name):
            return Verdict(
                False, events, count, None, f"blob {name[:16]} was changed: its bytes do not have its digest"
            )
        count += 1
    return Verdict(True, events, count)
