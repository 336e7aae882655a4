"""Which drifts are open, which repair is about which, and what the operator let stand: a fold over their events."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from agentos.events.record import Record

TYPES = ("drift.detected", "drift.closed", "repair.opened", "repair.closed")
Json = dict[str, Any]


@dataclass
class DriftState:
    """One fingerprint. `at`: when it was detected last, the `nth` time; `how` and when it `ended` last; `escalated`: no
    repair may follow."""

    fingerprint: str
    data: Json
    subject: str | None
    at: datetime
    nth: int = 1
    open: bool = True
    how: str = ""
    ended: datetime | None = None

    @property
    def escalated(self) -> bool:
        return bool(self.data.get("escalated"))

    @property
    def forgotten(self) -> bool:
        return not self.data

    @property
    def thing(self) -> str:
        return str(self.data.get("thing", ""))


@dataclass
class Repair:
    task: str
    at: datetime
    open: bool = True
    how: str = ""


@dataclass
class Drifts:
    known: dict[str, DriftState] = field(default_factory=dict)
    repairs: dict[str, Repair] = field(default_factory=dict)
    """By fingerprint: each has one repair, ever."""
    repaired: dict[str, str] = field(default_factory=dict)
    """Thing -> the task that repaired it: it is not repaired again."""
    kept: dict[str, frozenset[tuple[str, str]]] = field(default_factory=dict)

    def apply(self, record: Record) -> None:
        """A forgotten client's drift is over: nothing can be said of it any more."""
        fingerprint = fingerprint_of(record)
        if record.type == "drift.detected":
            data = {} if record.forgotten else record.data
            nth = int((record.key or "").rpartition("/")[2] or 1)
            self.known[fingerprint] = DriftState(
                fingerprint, data, record.subject, record.at, nth, open=not record.forgotten
            )
        elif record.type == "drift.closed":
            self._closed(fingerprint, record)
        elif record.type == "repair.opened":
            self.repairs[fingerprint] = Repair(record.data["task"], record.at)
        elif record.type == "repair.closed" and (repair := self.repairs.get(fingerprint)) is not None:
            repair.open, repair.how = False, "" if record.forgotten else record.data["how"]

    def _closed(self, fingerprint: str, record: Record) -> None:
        state = self.known.get(fingerprint)
        if state is None:
            return
        state.open, state.how, state.ended = False, "" if record.forgotten else record.data["how"], record.at
        repair = self.repairs.get(fingerprint)
        if state.how == "repaired" and repair is not None:
            self.repaired[state.thing] = repair.task
        if state.how == "kept":
            one = (str(state.data.get("kind")), str(state.data.get("seen")))
            self.kept[state.thing] = self.kept.get(state.thing, frozenset()) | {one}

    def open(self, system: str | None = None) -> list[DriftState]:
        """Open drifts, oldest first."""
        found = (one for one in self.known.values() if one.open and system in (None, one.data.get("system")))
        return sorted(found, key=lambda one: (one.at, one.fingerprint))


def fold(records: Iterable[Record]) -> Drifts:
    drifts = Drifts()
    for record in records:
        drifts.apply(record)
    return drifts


def fingerprint_of(record: Record) -> str:
    return record.stream.removeprefix("drift/")


def stream_of(fingerprint: str) -> str:
    return f"drift/{fingerprint}"
