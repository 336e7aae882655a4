"""What stands outside and carries an effect key of ours that the log does not know as done. Asked after a restore."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from agentos.effects.port import Absent, Found, Observed, Receipt, Remembering, System, Unknown
from agentos.errors import InDoubt, Permanent, Transient
from agentos.events.record import Record
from agentos.platform import Platform
from agentos.tasks.items import filled, is_undone, started_of, undo_key
from agentos.tasks.values import unpack

_UNDO = "/undo"


@dataclass(frozen=True)
class Sighting:
    """`payload`: as it was done, as far as the outside keeps it. `client`: whose it is, where that can be told."""

    key: str
    system: System
    verb: str
    title: str
    receipt: Receipt
    payload: dict[str, Any] = field(default_factory=dict)
    client: str | None = None
    to: str | None = None

    @property
    def undoes(self) -> str | None:
        return self.key.removesuffix(_UNDO) if self.key.endswith(_UNDO) else None


@dataclass
class Sighted:
    """`unsure`: titles of what may or may not have happened. `documents`: everything with a number, known or not."""

    found: list[Sighting] = field(default_factory=list)
    unsure: list[str] = field(default_factory=list)
    documents: list[Observed] = field(default_factory=list)


def look_outside(platform: Platform) -> Sighted:
    """Ask every system. Raises Transient, Permanent or InDoubt when one can't be looked at: then nothing may go on."""
    sighted = Sighted()
    for system in platform.systems.values():
        seen = {thing.key: thing for thing in [*_taken_back(system), *_observed(system)] if thing.key}
        sighted.documents += [thing for thing in seen.values() if thing.kind in ("invoice", "credit_note")]
        before = len(sighted.found)
        for thing in seen.values():
            _look_at(platform, system, thing, sighted)
        for key, standing in _standing(platform, system, sighted.found[before:]):
            thing_seen = seen.get(key)
            if thing_seen is None or thing_seen.data.get("state") == "recalled":
                _look_for_undo(system, key, standing, sighted)
    return sighted


def _observed(system: System) -> list[Observed]:
    """Of a record that can't be read it can't be told what it is of: absence proves nothing then."""
    seen = list(system.observe())
    if spoilt := [thing.data.get("file") or thing.ref for thing in seen if thing.kind == "unreadable"]:
        hint = "Bring it back from a backup, or move it away."
        raise Permanent(f"{spoilt[0]} can't be read.", hint=hint, code=f"{system.name}.record")
    return seen


def _taken_back(system: System) -> Iterable[Observed]:
    return system.taken_back() if isinstance(system, Remembering) else ()


def _look_at(platform: Platform, system: System, thing: Observed, sighted: Sighted) -> None:
    key = thing.key or ""
    if platform.log.by_key(f"effect.done/{key}") is not None or not key.startswith(f"{system.account}/"):
        return
    payload = thing.data.get("payload") or {}
    title = _title(thing)
    for verb in _verbs(system, key):
        found = _find(system, verb, payload, key)
        if isinstance(found, Found):
            client = found.receipt.data.get("client") or thing.data.get("client")
            sighted.found.append(
                Sighting(key, system, verb, title, found.receipt, payload, client, thing.data.get("to"))
            )
            return
        if isinstance(found, Unknown):
            sighted.unsure.append(title)
            return


def _verbs(system: System, key: str) -> list[str]:
    """The verb in the key; an undo is done by another one than what it undoes."""
    named = key.removeprefix(f"{system.account}/").partition("/")[0]
    if key.endswith(_UNDO):
        return [verb for verb in system.verbs if verb != named]
    return [named] if named in system.verbs else []


def _find(system: System, verb: str, payload: dict[str, Any], key: str) -> Found | Absent | Unknown:
    try:
        return system.find(verb, payload, key)
    except Permanent:  # not a verb that this can have been
        return Absent()
    except (Transient, InDoubt) as error:
        return Unknown(str(error))


def _title(thing: Observed) -> str:
    name = thing.data.get("title") or thing.data.get("subject")
    return f"{thing.kind.replace('_', ' ').capitalize()} {f'“{name}”' if name else thing.ref}"


@dataclass(frozen=True)
class _Standing:
    verb: str
    title: str
    payload: dict[str, Any]
    receipt: Receipt
    client: str | None


def _standing(platform: Platform, system: System, new: list[Sighting]) -> Iterator[tuple[str, _Standing]]:
    """What this system has done and not undone, by the log and by what was just seen."""
    for one in new:
        if one.undoes is None:
            yield one.key, _Standing(one.verb, one.title, one.payload, one.receipt, one.client)
    for record in platform.log.read(types=("effect.done", "effect.found")):
        if record.forgotten:
            continue
        key = record.data["effect"]
        started = started_of(platform.log, key)
        if key.endswith(_UNDO) or started is None or started.forgotten or started.data["account"] != system.account:
            continue
        if not is_undone(platform.log, key):
            yield key, _standing_in_log(platform, started, Receipt.model_validate(record.data["receipt"]))


def _standing_in_log(platform: Platform, started: Record, receipt: Receipt) -> _Standing:
    data = started.data
    payload = filled(unpack(data["payload"], platform.blobs, started.subject) or {}, data["assigned"], data["fill"])
    return _Standing(data["verb"], data["title"], payload, receipt, started.subject)


def _look_for_undo(system: System, key: str, standing: _Standing, sighted: Sighted) -> None:
    """It is no longer there: perhaps it was undone after the backup, which what undid it tells."""
    try:
        proposal = system.undo(standing.verb, standing.payload, standing.receipt)
    except (Permanent, KeyError, TypeError, ValueError):
        return
    if proposal is None:
        return
    found = _find(system, proposal.verb, proposal.payload, undo_key(key))
    if isinstance(found, Found):
        sighted.found.append(
            Sighting(
                undo_key(key), system, proposal.verb, proposal.title, found.receipt, proposal.payload, standing.client
            )
        )
