"""How a drift ends together with its repair: in the append that closes the task."""

from __future__ import annotations

from agentos.events.log import Reader
from agentos.events.record import NewEvent
from agentos.events.types import DriftClosed, RepairClosed
from agentos.reconcile.state import stream_of
from agentos.tasks.state import TaskState

KEEP = "keep it as it is"
MENDED = "I have mended it myself"
CHOICES = (KEEP, MENDED)
TRIGGER = "repair"


def ending(reader: Reader, state: TaskState, *, actor: str = "system") -> list[NewEvent]:
    """The ends that belong into the append which completes a task; nothing where it is no repair."""
    if state.trigger != TRIGGER:
        return []
    if any(effect.is_done for effect in state.effects.values()):
        return closed(reader, state, "repaired", "", actor=actor)
    answers = [card.answer for card in state.cards.values() if card.status == "answered" and card.kind == "question"]
    said = answers[-1] if answers else KEEP
    return closed(reader, state, "mended" if said == MENDED else "kept", said, actor=actor)


def failing(reader: Reader, state: TaskState, code: str, why: str, *, actor: str = "system") -> list[NewEvent]:
    """The ends that belong into the append which fails a task. A no to the repair is a yes to what stands there."""
    return closed(reader, state, "kept" if code == "approval.denied" else "failed", why, actor=actor)


def closed(
    reader: Reader, state: TaskState, how: str, why: str, *, actor: str = "system", sealed: bool = True
) -> list[NewEvent]:
    """`sealed` False: its client was forgotten, so nothing is said that would need the key."""
    fingerprint = fingerprint_of(reader, state)
    if fingerprint is None or reader.by_key(f"repair/{fingerprint}") is None:
        return []
    if reader.by_key(f"repair.closed/{fingerprint}") is not None:  # it was taken up again after that
        return []
    subject = subject_of(reader, fingerprint) if sealed else None
    said = why if sealed else ""
    fact = RepairClosed(fingerprint=fingerprint, task=state.id, how=how, why=said)
    key = f"repair.closed/{fingerprint}"
    repair = fact.on(stream_of(fingerprint), key=key, actor=actor, subject=subject, correlation=state.id)
    end = drift_end(reader, fingerprint, how, said, actor=actor, subject=subject, correlation=state.id)
    return [*end, repair]


def subject_of(reader: Reader, fingerprint: str) -> str | None:
    """The client whom the drift is about; its task may not have got so far as to know it."""
    detected = reader.last(stream=stream_of(fingerprint), types=("drift.detected",))
    return detected.subject if detected is not None else None


def drift_end(
    reader: Reader,
    fingerprint: str,
    how: str,
    why: str,
    *,
    actor: str,
    subject: str | None,
    correlation: str | None = None,
) -> list[NewEvent]:
    """Nothing where it has ended already."""
    detected = reader.last(stream=stream_of(fingerprint), types=("drift.detected",))
    nth = (detected.key or "").rpartition("/")[2] if detected is not None else ""
    key = f"drift.closed/{fingerprint}/{nth}"
    if not nth or reader.by_key(key) is not None:
        return []
    fact = DriftClosed(fingerprint=fingerprint, how=how, why=why)
    return [fact.on(stream_of(fingerprint), key=key, actor=actor, subject=subject, correlation=correlation)]


def fingerprint_of(reader: Reader, state: TaskState) -> str | None:
    """What a repair task is about: its intent names it."""
    if state.trigger != TRIGGER:
        return None
    intent = reader.by_key(f"intent/{state.intent}")
    return str(intent.data["text"]) if intent is not None and not intent.forgotten else None
