"""A log that is not what was written: the platform comes up stopped, says why, and goes on only knowingly."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict
from typing import TYPE_CHECKING

from agentos.errors import AgentOSError, Refused, StorageError
from agentos.events.log import Reader
from agentos.events.mark import Mark
from agentos.events.record import NewEvent
from agentos.events.types import DamageAccepted, PlatformStopped
from agentos.events.verify import MOST_FAULTS, Verdict, verify, verify_since
from agentos.events.witness import rewinds_of

if TYPE_CHECKING:
    from agentos.platform import Store

MEND = "Keep a copy of state/ and restore a backup (`agentos restore`)"


class Damaged(Refused):
    code = "log.damaged"


def verify_all(store: Store, progress: Callable[[int], object] = lambda _: None) -> Verdict:
    """The whole log, its blobs and its database. A fault stops the platform; otherwise workers begin from here."""
    head = store.log.head() if store.log.is_readable() else None
    rewinds = rewinds_of(store.log) if head is not None else ()
    verdict = verify(store.log, store.blobs, store.witness.notes(rewinds), progress=progress)
    return _concluded(store, verdict, head)


def verify_new(store: Store) -> Verdict:
    """What was appended since somebody verified last: every worker asks this before it begins."""
    since = mark_of(store).read()
    try:
        head, witness = store.log.head(), store.witness.last(rewinds_of(store.log))
        if since == head == (witness or head):
            return Verdict(True, head[0], 0)
        return _concluded(store, verify_since(store.log, since, witness), head)
    except StorageError as error:
        return _concluded(store, Verdict(False, since[0], 0, None, error.message, sound=False), None)


def mark_of(store: Store) -> Mark:
    return Mark(store.root / "state" / "verified")


def _concluded(store: Store, verdict: Verdict, head: tuple[int, bytes] | None) -> Verdict:
    if not verdict.ok:
        come_up_stopped(store, verdict)
    elif head is not None and head[0] and head != mark_of(store).read():
        mark_of(store).write(*head)
    return verdict


def come_up_stopped(store: Store, verdict: Verdict) -> None:
    """Set the switch with its reason: the file always, the event where the database may still be written to."""
    why = reason_of(verdict)
    store.stop(why)
    if not verdict.sound or verdict.first_bad == verdict.events + 1:  # nothing is put where a cut tail had stood
        return
    with suppress(AgentOSError):
        last = store.log.last(stream="platform", types=("platform.stopped", "platform.started"))
        if last is None or last.type != "platform.stopped" or last.data.get("why") != why:
            store.log.append(PlatformStopped(why=why).on("platform"))


def reason_of(verdict: Verdict) -> str:
    return f"the log is not what was written: {verdict.why}"


def refuse_damaged(verdict: Verdict) -> None:
    """Raises Damaged where the log failed its verification."""
    if verdict.ok:
        return
    hint = f"{MEND}, or go on knowingly: agentos start --accept-damage REASON" if verdict.sound else f"{MEND}."
    raise Damaged(f"The platform stays stopped: {reason_of(verdict)}.", hint=hint)


def accept(store: Store, verdict: Verdict, reason: str) -> None:
    """Record that the operator goes on with exactly this damage; any other is still found. Raises Damaged where the
    database itself is broken, or too much is."""
    if not verdict.sound:
        raise Damaged(f"The database itself is damaged, so nothing can be recorded: {verdict.why}.", hint=f"{MEND}.")
    if len(verdict.faults) >= MOST_FAULTS:
        raise Damaged(f"{MOST_FAULTS} events and more are wrong: this is no log to go on with.", hint=f"{MEND}.")

    def on(reader: Reader) -> Sequence[NewEvent]:
        seq, hash = reader.head()
        faults = [asdict(fault) for fault in verdict.faults]
        fact = DamageAccepted(
            first_bad=verdict.first_bad, why=verdict.why, reason=reason, faults=faults, head=seq, head_hash=hash.hex()
        )
        return [fact.on("platform", actor="operator")]

    store.log.append(on)
    mark_of(store).clear()
