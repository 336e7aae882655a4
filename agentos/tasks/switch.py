"""The one switch: everything stops, and goes on once the log is verified."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from agentos.errors import Refused
from agentos.events.epoch import unobserved
from agentos.events.log import Reader
from agentos.events.record import NewEvent
from agentos.events.types import PlatformStarted, PlatformStopped
from agentos.platform import RESTORED
from agentos.tasks.finder import Finder
from agentos.tasks.items import receipt_of
from agentos.tasks.said import MOST_SAID, said

if TYPE_CHECKING:
    from agentos.events.verify import Verdict


class Switch(Finder):
    """Stops every effect and model call, and lets them go on."""

    def stop(self, why: str) -> list[str]:
        """Refuse every effect and model call from now on; returns what is in flight. The file works on a full disk
        too."""
        why = why.encode("utf-8", "replace").decode()[:MOST_SAID]  # whatever is said, it stops
        self.store.stop(why)
        in_flight = [e.data["title"] for e in self._in_flight()]
        self.store.log.append(PlatformStopped(why=why, in_flight=[]).on("platform", actor="operator"))
        return in_flight

    def verified(self, *, accept_damage: str = "", progress: Callable[[int], object] = lambda _: None) -> Verdict:
        """Verify the whole log. Raises Damaged where it is not what was written, unless the operator accepts just that,
        with a reason that is recorded."""
        from agentos.damage import accept, refuse_damaged, verify_all

        verdict = verify_all(self.store, progress)
        if not verdict.ok and accept_damage:
            accept(self.store, verdict, said(accept_damage, "The reason"))
        else:
            refuse_damaged(verdict)
        return verdict

    def start(self, *, accept_damage: str = "", progress: Callable[[int], object] = lambda _: None) -> Verdict:
        """Go on, once the log is verified. Raises Damaged, and Refused after a restore, where `agentos.tasks.adopting`
        has to look at the world first."""
        verdict = self.verified(accept_damage=accept_damage, progress=progress)
        self.go_on()
        return verdict

    def go_on(self) -> None:
        """`start` without the verification, for who has just done it."""

        def on(reader: Reader) -> Sequence[NewEvent]:
            if unobserved(reader) is not None:
                raise Refused(RESTORED, hint="agentos start looks, and goes on.", code="platform.unobserved")
            return [PlatformStarted().on("platform", actor="operator")]

        self.store.log.append(on)
        self.store.stop_file.unlink(missing_ok=True)

    def _in_flight(self) -> list[Any]:
        found = []
        for record in self.store.log.read(types=("effect.started",)):
            key = record.data.get("effect")
            if key and receipt_of(self.store.log, key) is None:
                effect = self.load(record.stream.removeprefix("task/")).effects.get(key)
                if effect is not None and effect.status == "started":
                    found.append(effect)
        return found
