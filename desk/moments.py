"""Points in time as people type them: "2h", "2026-12-01", "2026-12-01 18:00", "18:00", "friday"."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta, tzinfo

from agentos.errors import AgentOSError

_LENGTH = re.compile(r"(?:in )?(\d{1,5})\s*(s|sec|m|min|h|hours?|d|days?|w|weeks?)", re.IGNORECASE)
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_CLOCK = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")


def moment_ahead(text: str, now: datetime, zone: tzinfo) -> datetime:
    """A deadline. A day without a time means its end; a time alone means the next one. Raises AgentOSError."""
    said = text.strip()
    if (length := _length(said)) is not None:
        return now + length
    local = now.astimezone(zone)
    if clock := _CLOCK.fullmatch(said):
        at = local.replace(hour=int(clock[1]), minute=int(clock[2]), second=0, microsecond=0)
        return (at if at > local else at + timedelta(days=1)).astimezone(UTC)
    found = _iso(said, zone, time(23, 59)) or _day(said, now, zone)
    if found is None:
        raise _unreadable(text)
    if found <= now:
        raise AgentOSError(f"{text!r} has passed already.", hint="Name a later moment.", code="moment.passed")
    return found


def moment_past(text: str, now: datetime, zone: tzinfo) -> datetime:
    """A moment to look back to. "2h" means two hours ago; a day without a time means its beginning."""
    said = text.strip()
    if (length := _length(said.removesuffix("ago").strip())) is not None:
        return now - length
    if clock := _CLOCK.fullmatch(said):
        local = now.astimezone(zone).replace(hour=int(clock[1]), minute=int(clock[2]), second=0, microsecond=0)
        return local.astimezone(UTC)
    words = {"today": 0, "yesterday": 1}
    if said.lower() in words:
        day = now.astimezone(zone).date() - timedelta(days=words[said.lower()])
        return datetime.combine(day, time(), zone).astimezone(UTC)
    found = _iso(said, zone, time())
    if found is None:
        raise _unreadable(text)
    return found


def _length(text: str) -> timedelta | None:
    found = _LENGTH.fullmatch(text)
    return timedelta(seconds=int(found[1]) * _SECONDS[found[2][0].lower()]) if found else None


def _iso(text: str, zone: tzinfo, without_time: time) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    if len(text) <= 10:
        found = datetime.combine(found.date(), without_time)
    return (found if found.tzinfo else found.replace(tzinfo=zone)).astimezone(UTC)


def _day(text: str, now: datetime, zone: tzinfo) -> datetime | None:
    """A day in words, English or German, by the rules that read intents."""
    from agentos.intents.dates import find_dates

    days = find_dates(f"by {text}", now=now, timezone=getattr(zone, "key", "UTC"))
    day = days[0].day if len(days) == 1 else None
    return None if day is None else datetime.combine(day, time(23, 59), zone).astimezone(UTC)


def _unreadable(text: str) -> AgentOSError:
    hint = 'As in: 2h, 18:00, friday, 2026-12-01, "2026-12-01 18:00".'
    return AgentOSError(f"{text!r} is not a moment that can be read.", hint=hint, code="moment.unreadable")
