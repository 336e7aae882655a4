"""Verifying the log: the chain over the stored bytes, the witnesses outside, the database's own pages, and the blobs
that events name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from agentos.errors import AgentOSError
from agentos.events.blobs import blobs_in
from agentos.events.chain import GENESIS, link

if TYPE_CHECKING:
    from agentos.events.blobs import Blobs
    from agentos.events.sqlite import SQLiteLog

MOST_FAULTS = 1000
"""After so many the rest is not looked for: that log is restored, not lived with."""
PROGRESS_EVERY = 50_000
ACCEPTED = "platform.damage_accepted"


@dataclass(frozen=True)
class Fault:
    """`seq` is where it shows; None for a blob. `mark` tells this damage from any other: the operator accepts just
    this one."""

    seq: int | None
    mark: str
    why: str


@dataclass(frozen=True)
class Verdict:
    """`first_bad`: the sequence number of the first event that is wrong or missing; None when all is well, or when the
    fault is in a blob or in the database's pages (`why` names it). `sound`: whether the database may be written to."""

    ok: bool
    events: int
    blobs: int
    first_bad: int | None = None
    why: str = ""
    faults: tuple[Fault, ...] = ()
    sound: bool = True


@dataclass
class _Pass:
    """Where the pass over the rows stands, and what it has found."""

    seq: int = 0
    previous: bytes = GENESIS
    sound: bool = True
    faults: list[Fault] = field(default_factory=list)


def verify(
    log: SQLiteLog,
    blobs: Blobs | None = None,
    witnesses: Iterable[tuple[int, bytes]] = (),
    *,
    progress: Callable[[int], object] = lambda _: None,
) -> Verdict:
    """All of it, from the first event. The chain needs no key; blobs that sealed payloads name are looked for where
    the key still exists. `progress` is told how many events are done."""
    accepted = accepted_faults(log)
    found = _chain(log, _Pass(), _noted(witnesses, accepted), accepted, progress)
    if not found.faults and (why := log.unsound()):
        found.faults.append(Fault(None, "database", why))
        found.sound = False
    count = 0
    if blobs is not None and found.sound:
        count, bad = _blobs(log, blobs, {fault.seq for fault in found.faults})
        found.faults += [fault for fault in bad if fault.mark not in accepted.get(fault.seq, ())]
    return _verdict(found, count)


def verify_since(log: SQLiteLog, since: tuple[int, bytes], witness: tuple[int, bytes] | None) -> Verdict:
    """Only what was appended after `since`, which was verified before, and the last witness: as quick as little is
    new."""
    accepted = accepted_faults(log)
    start = _Pass(*since) if since[0] else _Pass()
    at = next(iter(log.rows(since[0] - 1, 1)), None) if since[0] else None
    if since[0] and (at is None or (at[0], at[12]) != since):
        why = f"event {since[0]} is not the one that was verified last"
        return _verdict(_Pass(since[0], faults=[Fault(since[0], "verified", why)]), 0)
    noted = _noted([witness] if witness is not None else (), accepted)
    for seq, hashes in noted.items():
        row = next(iter(log.rows(seq - 1, 1)), None) if seq <= since[0] else None
        if row is not None and (row[0] != seq or row[12] not in hashes):
            return _verdict(_Pass(since[0], faults=[_another(seq, min(hashes))]), 0)
    return _verdict(_chain(log, start, noted, accepted, lambda _: None), 0)


def accepted_faults(log: SQLiteLog) -> dict[int | None, set[str]]:
    """seq -> marks of the damage that the operator knows of and goes on with."""
    import apsw

    found: dict[int | None, set[str]] = {}
    try:
        for record in log.read(types=(ACCEPTED,)):
            for fault in record.data["faults"]:
                found.setdefault(fault["seq"], set()).add(fault["mark"])
    except (apsw.Error, AgentOSError, ValueError):
        return {}  # the pass over the rows will say why
    return found


def _verdict(found: _Pass, blobs: int) -> Verdict:
    if not found.faults:
        return Verdict(True, found.seq, blobs)
    first = found.faults[0]
    return Verdict(False, found.seq, blobs, first.seq, first.why, tuple(found.faults), found.sound)


def _noted(witnesses: Iterable[tuple[int, bytes]], accepted: dict[int | None, set[str]]) -> dict[int, set[bytes]]:
    noted: dict[int, set[bytes]] = {}
    known = set().union(*accepted.values())
    for seq, hash in witnesses:
        if f"note {hash.hex()}" not in known:
            noted.setdefault(seq, set()).add(hash)
    return noted


def _chain(
    log: SQLiteLog,
    found: _Pass,
    noted: dict[int, set[bytes]],
    accepted: dict[int | None, set[str]],
    progress: Callable[[int], object],
) -> _Pass:
    """Goes on after a fault from what is stored, so that each one is found by itself."""
    import apsw

    try:
        for row in log.rows(found.seq):
            for fault in _faults(row, found, noted):
                if fault.mark not in accepted.get(fault.seq, ()):
                    found.faults.append(fault)
            found.seq, found.previous = int(row[0]), bytes(row[12])
            if found.seq % PROGRESS_EVERY == 0:
                progress(found.seq)
            if len(found.faults) >= MOST_FAULTS:
                return found
    except (apsw.Error, AgentOSError, TypeError, ValueError) as error:
        why = f"the database can't be read on from event {found.seq + 1}: {error}"
        found.faults.append(Fault(found.seq + 1, "database", why))
        found.sound = False
        return found
    for seq in sorted(seq for seq in noted if seq > found.seq):
        why = f"the log was cut: event {seq} is witnessed, and it ends at {found.seq}"
        found.faults += [Fault(found.seq + 1, f"note {hash.hex()}", why) for hash in sorted(noted[seq])]
    return found


def _faults(row: Any, before: _Pass, noted: dict[int, set[bytes]]) -> Iterator[Fault]:
    seq, stored, hash = row[0], bytes(row[11]), bytes(row[12])
    if seq != before.seq + 1:
        yield Fault(before.seq + 1, f"missing {seq}", f"event {before.seq + 1} is missing: the next one is {seq}")
    columns = (*row[:11], stored)
    follows = link(before.previous, *columns)
    if follows != hash:
        yield Fault(seq, follows.hex(), f"event {seq} was changed: its hash does not follow from its content")
    for other in sorted(noted.get(seq, set()) - {hash}):
        yield _another(seq, other)


def _another(seq: int, noted: bytes) -> Fault:
    return Fault(seq, f"note {noted.hex()}", f"event {seq} is another one than was witnessed outside")


def _blobs(log: SQLiteLog, blobs: Blobs, unreadable: set[int | None]) -> tuple[int, list[Fault]]:
    """How many are intact; those that were changed, and those that an event names and that are gone."""
    there, faults = set(), []
    for name in blobs.names():
        if blobs.intact(name):
            there.add(name)
        else:
            why = f"blob {name[:16]} was changed: its bytes do not have its digest"
            faults.append(Fault(None, f"blob {name}", why))
    known = {fault.mark for fault in faults}
    for record in log.read():
        if record.seq in unreadable:
            continue
        try:
            plain = log.plain(record)
            named = set(blobs_in(record.data)) if plain is not None and b'blob"' in plain else set()
        except AgentOSError as error:
            faults.append(Fault(record.seq, "sealed", error.message))
            continue
        for name in sorted(named - there):
            if f"blob {name}" not in known:
                known.add(f"blob {name}")
                why = f"blob {name[:16]}, which event {record.seq} names, is missing"
                faults.append(Fault(None, f"blob {name}", why))
    return len(there), faults
