"""What one look changes in the record, decided inside its transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from zoneinfo import ZoneInfo

from agentos.clock import micros
from agentos.effects.port import Observed
from agentos.errors import Refused
from agentos.events.log import Reader
from agentos.events.record import NewEvent
from agentos.events.types import DriftDetected, IntentReceived, RepairOpened, TaskOpened
from agentos.ids import uuid7
from agentos.platform import Platform
from agentos.reconcile.closing import TRIGGER
from agentos.reconcile.drift import Drift, Standing
from agentos.reconcile.notice import notice
from agentos.reconcile.settling import ACTOR, gone_by_itself, is_forgotten
from agentos.reconcile.standing import EFFECTS, concerned, key_of
from agentos.reconcile.state import TYPES, Drifts, stream_of
from agentos.tasks.run import stream_of as task_stream


class Moved(Refused):
    """Another observer recorded something while this one looked: look again."""

    code = "reconcile.moved"


class Changes:
    """`touched`, `opened` (tasks) and `gone` (fingerprints) are known once `decide` has run."""

    def __init__(
        self,
        platform: Platform,
        stands: Standing,
        drifts: Drifts,
        found: Sequence[Drift],
        head: int,
        seen: Mapping[str, Observed],
    ) -> None:
        self._platform, self._stands, self._drifts, self._found = platform, stands, drifts, found
        self._head, self._seen = head, seen
        self.touched: set[str] = set()
        self.opened: list[str] = []
        self.gone: list[str] = []

    def decide(self, reader: Reader) -> list[NewEvent]:
        """Raises Moved where another observer has recorded something since the look."""
        self.touched, self.opened, self.gone = self._moved(reader), [], []
        left = self._allowed(reader)
        events: list[NewEvent] = []
        for drift in self._found:
            subject = self._subject(drift)
            if drift.thing in self.touched or not self._may_be_named(subject):
                continue
            came = self._came(drift, subject, room=left > len(self.opened))
            events += came
        return [*events, *self._went(reader)]

    def _moved(self, reader: Reader) -> set[str]:
        if next(reader.read(after=self._head, types=TYPES, limit=1), None) is not None:
            raise Moved("another observer was here")
        return set().union(*(concerned(key_of(one)) for one in reader.read(after=self._head, types=EFFECTS)))

    def _allowed(self, reader: Reader) -> int:
        """How many repairs may still be opened today."""
        platform = self._platform
        zone = ZoneInfo(platform.workspace.configuration.business.timezone)
        day = platform.clock.now().astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
        today = sum(1 for _ in reader.read(types=("repair.opened",), since_micros=micros(day)))
        return platform.policy.repairs.per_day - today

    def _came(self, drift: Drift, subject: str | None, *, room: bool) -> list[NewEvent]:
        """A drift that is not open: detected. One without a repair: repaired, or told, or it waits for another day."""
        fingerprint = drift.fingerprint
        state, repair = self._drifts.known.get(fingerprint), self._drifts.repairs.get(fingerprint)
        if state is not None and state.open:
            return self._opening(fingerprint) if repair is None and not state.escalated and room else []
        before = repair.task if repair is not None else self._drifts.repaired.get(drift.thing)
        fact = DriftDetected(
            fingerprint=fingerprint, system=drift.system, kind=drift.kind, thing=drift.thing, ref=drift.ref,
            effect=drift.effect, expected=drift.expected, seen=drift.seen, words=drift.words,
            escalated=before is not None,
        )  # fmt: skip
        nth = state.nth + 1 if state is not None else 1
        key = f"drift/{fingerprint}/{nth}"
        detected = fact.on(stream_of(fingerprint), key=key, actor=ACTOR, subject=subject)
        if before is not None:
            return [detected, *notice(self._platform, drift, before, subject, repair.how if repair else "repaired")]
        return [detected, *(self._opening(fingerprint) if room else [])]

    def _opening(self, fingerprint: str) -> list[NewEvent]:
        """The repair and its task, in the append that detects: killed here, there is neither."""
        now = int(self._platform.clock.now().timestamp() * 1000)
        intent, task = uuid7(now), uuid7(now)
        self.opened.append(task)
        received = IntentReceived(intent=intent, channel=ACTOR, author=ACTOR, text=fingerprint)
        opened = TaskOpened(task=task, intent=intent, trigger=TRIGGER)
        repair = RepairOpened(fingerprint=fingerprint, task=task)
        return [
            received.on(f"intent/{intent}", key=f"intent/{intent}", actor=ACTOR),
            opened.on(task_stream(task), key=f"task/{task}", actor=ACTOR, correlation=task),
            repair.on(stream_of(fingerprint), key=f"repair/{fingerprint}", actor=ACTOR),
        ]

    def _went(self, reader: Reader) -> list[NewEvent]:
        """Open drifts of this system that are seen no more, and about which something can be said now."""
        present = {drift.fingerprint for drift in self._found}
        silent = self.touched | self._stands.unsettled
        events: list[NewEvent] = []
        for state in self._drifts.open(self._stands.system):
            if state.fingerprint in present or state.thing in silent or not self._may_be_named(state.subject):
                continue
            ended = gone_by_itself(reader, state, self._drifts.repairs.get(state.fingerprint))
            self.gone += [state.fingerprint] if ended else []
            events += ended
        return events

    def _subject(self, drift: Drift) -> str | None:
        """Whose it is: by the effect, or by the address on a mail that is not ours."""
        deed = self._stands.deeds.get(drift.thing)
        if deed is not None:
            return deed.subject
        thing = self._seen.get(drift.thing) or self._seen.get(drift.ref)
        to = str(thing.data.get("to") or "").casefold() if thing is not None else ""
        clients = self._platform.workspace.clients.items()
        return next((id for id, client in clients if client.email and client.email.casefold() in to), None)

    def _may_be_named(self, subject: str | None) -> bool:
        return not is_forgotten(self._platform, subject)
