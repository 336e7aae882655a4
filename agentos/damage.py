"""A log that is not what was written: the platform comes up stopped, says why, and goes on only knowingly."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from agentos.errors import AgentOSError, Refused, StorageError
from agentos.events.log import Reader
from agentos.events.mark import Mark
from agentos.events.record import NewEvent
from agentos.events.types import DamageAccepted, PlatformStopped
from agentos.events.verify import MOST_FAULTS, Verdict, verify, verify_since
from agentos.events.witness import rewinds_of
from agentos.platform import MALFORMED, NOT_WRITTEN, open_store, stop_reason

if TYPE_CHECKING:
    from agentos.platform import Store

MEND = "Keep a copy of state/ and restore a backup (`agentos restore`)"
_UNREADABLE = (StorageError, TypeError, ValueError)
"""What reading a row of a damaged database ends with: NULL or bytes where a number or a text should be."""


class Damaged(Refused):
    code = "log.damaged"


def verify_all(store: Store, progress: Callable[[int], object] = lambda _: None) -> Verdict:
    """The whole log, its blobs and its database. A fault stops the platform; otherwise workers begin from here."""
    head = store.log.head() if store.log.is_readable() else None
    try:
        rewinds = rewinds_of(store.log) if head is not None else ()
        verdict = verify(store.log, store.blobs, store.witness.notes(rewinds), progress=progress)
    except _UNREADABLE as error:
        verdict, head = _unsound(0, error), None
    return _concluded(store, verdict, head)


def verify_or_stop(root: Path, progress: Callable[[int], object] = lambda _: None) -> str:
    """`verify_all` for a log that may not even open: why the platform is stopped now, or "" where all is well. Raises
    AgentOSError where something else than damage is in the way."""
    try:
        store = open_store(root)
    except StorageError as error:
        if error.code != MALFORMED:
            raise
        return f"{NOT_WRITTEN}: {error.message}"
    try:
        verdict = verify_all(store, progress)
    finally:
        store.close()
    return "" if verdict.ok else reason_of(verdict)


def verify_new(store: Store) -> Verdict:
    """What was appended since somebody verified last: every worker asks this before it begins."""
    since = mark_of(store).read()
    try:
        head, witness = store.log.head(), store.witness.last(rewinds_of(store.log))
        if since == head == (witness or head):
            return Verdict(True, head[0], 0)
        return _concluded(store, verify_since(store.log, since, witness), head)
    except _UNREADABLE as error:
        return _concluded(store, _unsound(since[0], error), None)


def _unsound(events: int, error: Exception) -> Verdict:
    """Passes on what is no damage: a log that is locked, or a folder that can't be read."""
    if isinstance(error, StorageError) and error.code != MALFORMED:
        raise error
    why = error.message if isinstance(error, AgentOSError) else f"the event log is damaged: {error}"
    return Verdict(False, events, 0, None, why, sound=False)


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
    return f"{NOT_WRITTEN}: {verdict.why}"


def refuse_known(root: Path) -> None:
    """For who only shows what is there. Raises Damaged where the stop file says that somebody has found damage: nothing
    is opened then, since a damaged log can't be asked about itself."""
    why = stop_reason(root / "state" / "STOPPED")
    if why.startswith(NOT_WRITTEN):
        raise Damaged(f"The platform is stopped: {why}.", hint=f"{MEND}.")


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
