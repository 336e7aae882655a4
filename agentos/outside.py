"""How every call to the outside is paced: backoff with full jitter, Retry-After, and a circuit breaker per system.

The pieces are values and functions, so that a replay can fold them; `Circuits` is the one thing that holds state, for
one process. Waiting itself is the caller's: short waits in place, long ones by parking the task.
"""

from __future__ import annotations

import math
import random
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from agentos.errors import Transient

Phase = Literal["closed", "open", "half_open"]
Transition = Literal["opened", "closed"]

LONGEST_WAIT = 7 * 24 * 3600.0
"""Seconds. A Retry-After beyond a week is a mistake or malice; it is cut to this."""


def backoff(attempt: int, *, base: float, cap: float, rng: random.Random, retry_after: float | None = None) -> float:
    """Seconds to wait after failed attempt number `attempt` (1 is the first).

    Exponential with full jitter: uniform between 0 and min(cap, base * 2^(attempt-1)), so that many waiting tasks
    spread out. `retry_after`, the system's own word, wins when it is longer. Source: AWS, "Exponential Backoff and
    Jitter" (2015).
    """
    exponent = min(max(attempt, 1) - 1, 60)
    wait = rng.uniform(0, min(cap, base * 2.0**exponent))
    return max(wait, min(retry_after, LONGEST_WAIT)) if retry_after is not None else wait


def retry_after_seconds(value: str | None, now: datetime) -> float | None:
    """A Retry-After header as seconds from `now`: delta-seconds or an HTTP date (RFC 9110). None if unusable."""
    if value is None:
        return None
    text = value.strip()
    try:
        seconds = float(text)
    except ValueError:
        try:
            at = parsedate_to_datetime(text)
        except ValueError:
            return None
        seconds = ((at if at.tzinfo else at.replace(tzinfo=UTC)) - now).total_seconds()
    return min(max(seconds, 0.0), LONGEST_WAIT) if math.isfinite(seconds) else None


class Outcome(BaseModel):
    """How one call ended, as far as the system's health goes: a refusal with a reason is an answer, hence `ok`."""

    model_config = ConfigDict(frozen=True)

    ok: bool
    retry_after: float | None = None


class CircuitBreaker(BaseModel):
    """The health of one outside system as a value: state is a fold over outcomes.

    Closed: calls pass. After `threshold` consecutive failures it opens for `cool_down` seconds (or the system's
    Retry-After, when longer); a trip that follows without a success between doubles the time, up to `longest`. Then it
    is half open: one probe passes, and its outcome closes or opens the circuit. A probe that never reports back frees
    its place after `cool_down` seconds.
    """

    model_config = ConfigDict(frozen=True)

    threshold: int = Field(default=5, ge=1)
    cool_down: float = Field(default=30, gt=0)
    longest: float = Field(default=900, gt=0)
    failures: int = 0
    trips: int = 0
    open_until: datetime | None = None
    probe_until: datetime | None = None

    def phase(self, at: datetime) -> Phase:
        if self.open_until is None:
            return "closed"
        return "open" if at < self.open_until else "half_open"

    def remaining(self, at: datetime) -> float:
        """Seconds until a call may pass: the cool-down's rest, or the running probe's."""
        until = [t for t in (self.open_until, self.probe_until) if t is not None]
        return max((max(until) - at).total_seconds(), 0.0) if until else 0.0

    def admit(self, at: datetime) -> tuple[CircuitBreaker, bool]:
        """May a call pass now? Half open, the first one may and takes the probe's place."""
        if self.open_until is None:
            return self, True
        if self.remaining(at) > 0:
            return self, False
        return self.model_copy(update={"probe_until": at + timedelta(seconds=self.cool_down)}), True

    def record(self, outcome: Outcome, at: datetime) -> tuple[CircuitBreaker, Transition | None]:
        """The next state, and "opened" or "closed" when that is news (the coordinator appends it as an event)."""
        if outcome.ok:
            news: Transition | None = "closed" if self.open_until is not None else None
            return self._with(failures=0, trips=0, open_until=None, probe_until=None), news
        failures = self.failures + 1
        if self.phase(at) == "open" or (self.open_until is None and failures < self.threshold):
            return self._with(failures=failures), None
        return self._with(failures=failures).opened(at, outcome.retry_after), "opened"

    def opened(self, at: datetime, retry_after: float | None = None) -> CircuitBreaker:
        """The state right after it opened at `at`: also how a recorded `circuit.opened` is folded back."""
        pause = min(self.cool_down * 2.0 ** min(self.trips, 30), self.longest)
        pause = max(pause, min(retry_after or 0.0, LONGEST_WAIT))
        until = at + timedelta(seconds=pause)
        return self._with(trips=self.trips + 1, open_until=until, probe_until=None)

    def _with(self, **changes: object) -> CircuitBreaker:
        return self.model_copy(update=changes)


class CircuitOpen(Transient):
    """Not even tried: the system failed too often just now. `retry_after` is the rest of its cool-down."""

    code = "outside.circuit_open"


class Circuits:
    """The circuits of one process by system ("models:api.example.com/gpt-x", "smtp:mail.example.com").

    `states` starts it from what the log says (`CircuitBreaker.opened`); `on_change(key, transition, state)` tells the
    coordinator what to append. Safe to use from several threads: blocking effects run in threads, models on the loop.
    """

    def __init__(
        self,
        states: Mapping[str, CircuitBreaker] | None = None,
        *,
        default: CircuitBreaker | None = None,
        on_change: Callable[[str, Transition, CircuitBreaker], None] | None = None,
    ) -> None:
        self._states = dict(states or {})
        self._default = default or CircuitBreaker()
        self._on_change = on_change
        self._lock = threading.Lock()

    def state(self, key: str) -> CircuitBreaker:
        return self._states.get(key, self._default)

    def check(self, key: str, at: datetime, *, what: str) -> None:
        """Passes, or raises CircuitOpen naming `what` ("the mail server"). Every pass must be followed by `record`."""
        with self._lock:
            self._states[key], admitted = self.state(key).admit(at)
            remaining = self._states[key].remaining(at)
        if not admitted:
            raise CircuitOpen(
                f"{what} failed several times in a row and is left alone for another {math.ceil(remaining)} s.",
                retry_after=remaining,
                hint="It is tried again by itself; `agentos doctor` tries it now.",
            )

    def record(self, key: str, outcome: Outcome, at: datetime) -> Transition | None:
        with self._lock:
            state, news = self.state(key).record(outcome, at)
            self._states[key] = state
        if news is not None and self._on_change is not None:
            self._on_change(key, news, state)
        return news
