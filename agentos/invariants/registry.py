"""What an invariant is, and how a function becomes one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agentos.events.record import Record
    from agentos.invariants.world import Task, World
    from agentos.platform import Store


@dataclass(frozen=True)
class Violation:
    """`seq`: the event at which it shows; None where the fault is not one event's. `task` is "" outside of tasks."""

    code: str
    seq: int | None
    task: str
    why: str


OnRecord = Callable[["World", "Record"], Iterable[str]]
OnTask = Callable[["World", "Task"], Iterable[str]]
OnStore = Callable[["Store"], Iterable[tuple[int | None, str]]]


@dataclass(frozen=True)
class Invariant:
    """`code` is stable across versions. It looks at one of: each record of `types` before it is folded, each task that
    is still open at the end, the whole store."""

    code: str
    says: str
    family: str
    """The module it stands in."""
    types: tuple[str, ...] = ()
    on_record: OnRecord | None = None
    on_task: OnTask | None = None
    on_store: OnStore | None = None


INVARIANTS: dict[str, Invariant] = {}
EVERY = "*"
"""As a type: every event there is."""


def before(code: str, *types: str) -> Callable[[OnRecord], OnRecord]:
    """Holds before each event of these types is folded; the function yields a sentence for every violation."""

    def register(look: OnRecord) -> OnRecord:
        _add(Invariant(code, _sentence(look), look.__module__, types, on_record=look))
        return look

    return register


def at_the_end(code: str) -> Callable[[OnTask], OnTask]:
    """Holds for every task that is open when the log ends."""

    def register(look: OnTask) -> OnTask:
        _add(Invariant(code, _sentence(look), look.__module__, on_task=look))
        return look

    return register


def over_all(code: str) -> Callable[[OnStore], OnStore]:
    """Holds for the store as a whole; the function yields (seq or None, sentence)."""

    def register(look: OnStore) -> OnStore:
        _add(Invariant(code, _sentence(look), look.__module__, on_store=look))
        return look

    return register


def _add(invariant: Invariant) -> None:
    if invariant.code in INVARIANTS:
        raise ValueError(f"two invariants are called {invariant.code}")
    INVARIANTS[invariant.code] = invariant


def _sentence(look: Callable[..., object]) -> str:
    return " ".join((look.__doc__ or "").split())
