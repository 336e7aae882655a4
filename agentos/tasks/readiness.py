"""Whether a task can go on: a pure question to its state and the clock. Sensors and `advance` ask the same one."""

from __future__ import annotations

from datetime import datetime

from agentos.tasks.state import TaskState


def can_go_on(state: TaskState, now: datetime) -> bool:
    """New, left by a lost worker, or parked on something that has happened."""
    if state.closed or state.opened_at is None:
        return False
    if state.status != "parked":
        return True
    return any(_happened(state, why, now) for why in state.parked) or any(
        card.expires_at is not None and card.expires_at <= now for card in state.open_cards()
    )


def due_at(state: TaskState) -> datetime | None:
    """The next moment at which time alone would let it go on. None: only a person can."""
    times = [datetime.fromisoformat(why["until"]) for why in state.parked if why.get("until")]
    times += [card.expires_at for card in state.open_cards() if card.expires_at is not None]
    return min(times, default=None)


def _happened(state: TaskState, why: dict[str, str | None], now: datetime) -> bool:
    until = why.get("until")
    if until:
        return datetime.fromisoformat(until) <= now
    card = state.cards.get(why.get("on") or "")
    return card is None or card.status != "open"
