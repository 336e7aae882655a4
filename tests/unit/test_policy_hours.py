from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentos.policy.hours import next_day, next_month, night

BERLIN = ZoneInfo("Europe/Berlin")
_zones = st.sampled_from([UTC, BERLIN, *map(ZoneInfo, ["Asia/Beirut", "America/Sao_Paulo", "Pacific/Apia"])])
_times = st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
_clock = st.times().map(lambda t: t.strftime("%H:%M"))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_a_day_ends_at_the_local_midnight_also_when_the_clocks_change() -> None:
    assert next_day(at("2026-03-28T22:59"), BERLIN) == at("2026-03-28T23:00")
    assert next_day(at("2026-03-28T23:00"), BERLIN) == at("2026-03-29T22:00")
    assert next_day(at("2026-10-24T22:00"), BERLIN) == at("2026-10-25T23:00")


def test_a_month_ends_with_its_last_local_day() -> None:
    assert next_month(at("2026-12-31T22:59"), BERLIN) == at("2026-12-31T23:00")
    assert next_month(at("2026-12-31T23:00"), BERLIN) == at("2027-01-31T23:00")
    assert next_month(at("2028-02-01T12:00"), UTC) == at("2028-03-01T00:00")


@pytest.mark.parametrize(
    ("now", "hours", "starts"),
    [
        ("2026-03-10T12:00", ("22:00", "06:00"), "2026-03-10T22:00"),
        ("2026-03-10T22:00", ("22:00", "06:00"), None),
        ("2026-03-10T05:59", ("22:00", "06:00"), None),
        ("2026-03-10T06:00", ("22:00", "06:00"), "2026-03-10T22:00"),
        ("2026-03-10T00:30", ("01:00", "05:00"), "2026-03-10T01:00"),
        ("2026-03-10T05:00", ("01:00", "05:00"), "2026-03-11T01:00"),
        ("2026-03-10T12:00", ("25:00", "06:00"), None),
        ("2026-03-10T12:00", ("late", "early"), None),
    ],
)
def test_when_the_night_begins(now: str, hours: tuple[str, str], starts: str | None) -> None:
    assert night(at(now), UTC, hours) == (at(starts) if starts else None)


@settings(deadline=None)
@given(_times, _zones, _clock, _clock)
def test_whatever_is_waited_for_lies_ahead_and_not_far(now: datetime, zone: ZoneInfo, start: str, end: str) -> None:
    assert timedelta() < next_day(now, zone) - now <= timedelta(hours=49)  # Apia skipped a whole day in 2011
    assert timedelta() < next_month(now, zone) - now <= timedelta(days=32)
    begins = night(now, zone, (start, end))
    assert begins is None or timedelta() < begins - now <= timedelta(hours=49)
