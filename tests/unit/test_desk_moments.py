"""Points in time as people type them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from agentos.errors import AgentOSError
from desk.moments import moment_ahead, moment_past

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)  # a Monday, 13:00 in Berlin
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("said", "at"),
    [
        ("2h", NOW + timedelta(hours=2)),
        ("90 min", NOW + timedelta(minutes=90)),
        ("in 3 days", NOW + timedelta(days=3)),
        ("18:00", datetime(2026, 11, 23, 17, 0, tzinfo=UTC)),
        ("09:00", datetime(2026, 11, 24, 8, 0, tzinfo=UTC)),
        ("2026-12-01", datetime(2026, 12, 1, 22, 59, tzinfo=UTC)),
        ("2026-12-01 18:00", datetime(2026, 12, 1, 17, 0, tzinfo=UTC)),
        ("friday", datetime(2026, 11, 27, 22, 59, tzinfo=UTC)),
        ("Freitag", datetime(2026, 11, 27, 22, 59, tzinfo=UTC)),
    ],
)
def test_deadlines(said: str, at: datetime) -> None:
    assert moment_ahead(said, NOW, BERLIN) == at


@pytest.mark.parametrize(
    ("said", "at"),
    [
        ("2h", NOW - timedelta(hours=2)),
        ("2 days ago", NOW - timedelta(days=2)),
        ("today", datetime(2026, 11, 22, 23, 0, tzinfo=UTC)),
        ("yesterday", datetime(2026, 11, 21, 23, 0, tzinfo=UTC)),
        ("2026-11-01", datetime(2026, 10, 31, 23, 0, tzinfo=UTC)),
        ("10:30", datetime(2026, 11, 23, 9, 30, tzinfo=UTC)),
    ],
)
def test_looking_back(said: str, at: datetime) -> None:
    assert moment_past(said, NOW, BERLIN) == at


@pytest.mark.parametrize("said", ["soonish", "", "2026-13-01", "2026-01-01"])
def test_what_is_no_deadline_is_said(said: str) -> None:
    with pytest.raises(AgentOSError) as error:
        moment_ahead(said, NOW, BERLIN)
    assert error.value.hint
