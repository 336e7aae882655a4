"""What the log says stands outside, of one system: a fold over its effects."""

from __future__ import annotations

from typing import Any

from agentos.effects.port import Deed, Receipt, System
from agentos.events.record import Record
from agentos.platform import Platform
from agentos.reconcile.drift import Standing
from agentos.tasks.items import filled
from agentos.tasks.values import unpack

UNDO = "/undo"
RECEIPTS = ("effect.done", "effect.found")
EFFECTS = ("effect.started", *RECEIPTS, "effect.failed", "effect.in_doubt")
NUMBERS = ("number.assigned", "number.voided")


def standing(platform: Platform, system: System, looked_after: int) -> Standing:
    """As of the log's head. looked_after: its head just before the world was looked at; what moved since is unsettled.

    What belongs to a forgotten client is known by its keys and never compared: nothing more is recorded of it.
    """
    found = Standing(system.name, system.account)
    started: dict[str, Record] = {}
    receipts: dict[str, Record] = {}
    for record in platform.log.read(types=EFFECTS):
        key = key_of(record)
        if not key.startswith(f"{system.account}/"):
            continue
        found.known |= concerned(key)
        if record.type == "effect.started":
            started[key] = record
        elif record.type in RECEIPTS:
            receipts[key] = record
        if record.seq > looked_after:
            found.unsettled |= {*concerned(key), _restored(platform, started.get(key))}
    for key in started.keys() - receipts.keys():
        if _goes_on(platform, started[key]):
            found.unsettled |= {*concerned(key), _restored(platform, started[key])}
    _fold(platform, system, found, started, receipts)
    _numbers(platform, found)
    return found


def key_of(record: Record) -> str:
    """The effect's key, from the envelope where the payload can't be read any more."""
    if not record.forgotten:
        return str(record.data["effect"])
    rest = (record.key or "").partition("/")[2]
    return rest if record.type in RECEIPTS else rest.rpartition("/")[0]


def concerned(key: str) -> set[str]:
    """An undo is about its own thing (a credit note) and about what it undoes."""
    return {key, key.removesuffix(UNDO)}


def deed_of(platform: Platform, started: Record, receipt: Record) -> Deed | None:
    """None where any of it can't be read any more."""
    if started.forgotten or receipt.forgotten:
        return None
    data = started.data
    payload = filled(unpack(data["payload"], platform.blobs, started.subject) or {}, data["assigned"], data["fill"])
    said = Receipt.model_validate(receipt.data["receipt"])
    return Deed(str(data["effect"]), str(data["verb"]), payload, said, started.subject)


def _fold(
    platform: Platform, system: System, found: Standing, started: dict[str, Record], receipts: dict[str, Record]
) -> None:
    """In the order in which things were done, so that a restored thing is expected as it was restored."""
    for key, receipt in receipts.items():
        begun = started.get(key)
        deed = deed_of(platform, begun, receipt) if begun is not None else None
        expected = system.expects(deed) if deed is not None else None
        if deed is None or expected is None:
            continue
        if f"{expected.key}{UNDO}" in receipts and not expected.stays:
            found.gone.add(expected.key)
        elif expected.key == deed.key or expected.key in found.expected:
            found.expected[expected.key] = expected
        if expected.key == deed.key:
            found.deeds[deed.key] = deed


def _goes_on(platform: Platform, started: Record) -> bool:
    """An effect without an end is settled, one way or another, before its task closes."""
    return platform.log.by_key(f"task.closed/{started.stream.removeprefix('task/')}") is None


def _restored(platform: Platform, started: Record | None) -> str:
    """The key of the thing that a restoring is about; "" where it is none."""
    if started is None or started.forgotten or started.data["verb"] != "restore":
        return ""
    payload: Any = unpack(started.data["payload"], platform.blobs, started.subject) or {}
    return str(payload.get("of") or "")


def _numbers(platform: Platform, found: Standing) -> None:
    if found.system != "invoice":
        return
    for record in platform.log.read(types=NUMBERS):
        found.numbers[record.data["text"]] = record.data.get("effect", "")
        if record.type == "number.voided":
            found.voided.add(record.data["text"])
