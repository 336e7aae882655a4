"""Outside systems that are real, and fail when the script says so: busy, refusing for good, silent after they acted."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Literal

from agentos.clock import FixedClock
from agentos.effects.port import Receipt, System
from agentos.effects.wrapped import Wrapped
from agentos.errors import InDoubt, Permanent, Transient

Mishap = Literal["busy", "refuses", "silent"]
_SECONDS = {"site": 2.0, "invoice": 0.6, "ledger": 0.1, "mail": 1.5}
_SAYS = {
    "busy": "The server answered 451 4.7.1: try again later.",
    "refuses": "The server answered 550 5.1.1: it will not take this.",
    "silent": "The connection was lost after everything had been sent.",
}


class Unreliable(Wrapped):
    """`mishaps`: by "system.verb", what its next calls come to; it outlives the opening of a workspace."""

    def __init__(self, system: System, clock: FixedClock, mishaps: Mapping[str, deque[Mishap]]) -> None:
        super().__init__(system)
        self._clock, self._mishaps = clock, mishaps

    def do(self, verb: str, payload: dict[str, Any], key: str) -> Receipt:
        self._clock.advance(timedelta(seconds=_SECONDS.get(self.name, 1.0)))
        waiting = self._mishaps.get(f"{self.name}.{verb}")
        mishap = waiting.popleft() if waiting else None
        if mishap == "busy":
            raise Transient(_SAYS["busy"], code=f"{self.name}.busy")
        if mishap == "refuses":
            raise Permanent(_SAYS["refuses"], code=f"{self.name}.refused")
        receipt = self._system.do(verb, payload, key)
        if mishap == "silent":
            raise InDoubt(_SAYS["silent"])
        return receipt
