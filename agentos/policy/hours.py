"""The calendar of the business: when a day or month ends, and when the night begins. Everything returned is UTC."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, tzinfo


def next_day(now: datetime, zone: tzinfo) -> datetime:
    """The next local midnight."""
    return _at(_local_day(now, zone) + timedelta(days=1), time(), zone)


def next_month(now: datetime, zone: tzinfo) -> datetime:
    """Local midnight of the first of the next month."""
    today = _local_day(now, zone)
    return _at((today.replace(day=1) + timedelta(days=32)).replace(day=1), time(), zone)


def night(now: datetime, zone: tzinfo, hours: tuple[str, str]) -> datetime | None:
    """When the night begins next, or None while it is night. Hours that name no time ("25:00") are no night: None."""
    try:
        start, end = (time.fromisoformat(hour).replace(tzinfo=None) for hour in hours)
    except ValueError:
        return None
    clock = now.astimezone(zone).time()
    inside = start <= clock < end if start <= end else clock >= start or clock < end
    if inside:
        return None
    today = _local_day(now, zone)
    starts = (_at(today + timedelta(days=ahead), start, zone) for ahead in (0, 1, 2))
    return next((at for at in starts if at > now), None)


def _local_day(now: datetime, zone: tzinfo) -> date:
    return now.astimezone(zone).date()


def _at(day: date, clock: time, zone: tzinfo) -> datetime:
    return datetime.combine(day, clock, zone).astimezone(UTC)
