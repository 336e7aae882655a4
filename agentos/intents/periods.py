"""Stretches of days that a question looks back at: "yesterday", "last week", "in November", "seit dem 1. Oktober"."""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from agentos.intents.dates import MONTHS

_LONGEST = 3660
"""Days that "the last N days" may name."""
_M = "|".join(sorted(MONTHS, key=len, reverse=True))
_COUNTS = {"two": 2, "three": 3, "four": 4, "six": 6, "zwei": 2, "drei": 3, "vier": 4, "sechs": 6}


@dataclass(frozen=True)
class Period:
    """Whole days of the operator's own calendar, both included. `text` is what was said."""

    start: int
    end: int
    text: str
    first: date
    last: date


Days = tuple[date, date] | None
Reader = Callable[[re.Match[str], date], Days]


def find_periods(text: str, *, now: datetime, timezone: str) -> tuple[Period, ...]:
    """All periods in the text, in order, none overlapping. One that begins after today is none to look back at."""
    today = now.astimezone(ZoneInfo(timezone)).date()
    found: list[Period] = []
    for one in _candidates(text, today):
        if one.first <= today and not any(one.start < other.end and other.start < one.end for other in found):
            found.append(one)
    return tuple(sorted(found, key=lambda one: one.start))


def _candidates(text: str, today: date) -> Iterator[Period]:
    for pattern, read in _READERS:
        for match in pattern.finditer(text):
            days = read(match, today)
            if days is not None:
                yield Period(match.start(), match.end(), match.group(), *days)


def _word(match: re.Match[str], today: date) -> Days:
    back = {"today": 0, "heute": 0, "yesterday": 1, "gestern": 1, "vorgestern": 2}[match["t"].lower()]
    return today - timedelta(back), today - timedelta(back)


def _before_yesterday(match: re.Match[str], today: date) -> Days:
    return today - timedelta(2), today - timedelta(2)


def _is_last(match: re.Match[str]) -> bool:
    return match["which"].lower().startswith(("last", "previous", "letzte", "vorige", "vergangene"))


def _week(match: re.Match[str], today: date) -> Days:
    """Monday to Sunday; this week ends today."""
    monday = today - timedelta(today.weekday())
    return (monday - timedelta(7), monday - timedelta(1)) if _is_last(match) else (monday, today)


def _month(match: re.Match[str], today: date) -> Days:
    first = today.replace(day=1)
    if not _is_last(match):
        return first, today
    return (first - timedelta(1)).replace(day=1), first - timedelta(1)


def _quarter(match: re.Match[str], today: date) -> Days:
    first = date(today.year, (today.month - 1) // 3 * 3 + 1, 1)
    if not _is_last(match):
        return first, today
    before = first - timedelta(1)
    return date(before.year, before.month - 2, 1), before


def _year(match: re.Match[str], today: date) -> Days:
    if not _is_last(match):
        return date(today.year, 1, 1), today
    return date(today.year - 1, 1, 1), date(today.year - 1, 12, 31)


def _named_month(match: re.Match[str], today: date) -> Days:
    """Without a year the newest such month that has begun: a question about the past means that one."""
    month = MONTHS[match["m"].lower()]
    year = int(match["y"]) if match["y"] else today.year - (month > today.month)
    return date(year, month, 1), date(year, month, calendar.monthrange(year, month)[1])


def _named_quarter(match: re.Match[str], today: date) -> Days:
    quarter = int(match["q"])
    first = 3 * quarter - 2
    year = int(match["y"]) if match["y"] else today.year - (first > today.month)
    return date(year, first, 1), date(year, first + 2, calendar.monthrange(year, first + 2)[1])


def _named_year(match: re.Match[str], today: date) -> Days:
    return date(int(match["y"]), 1, 1), date(int(match["y"]), 12, 31)


def _last_days(match: re.Match[str], today: date) -> Days:
    """The days before today and today; weeks are seven days and months thirty here."""
    raw, unit = match["n"].lower(), match["u"].lower()
    count = int(raw) if raw.isdecimal() else _COUNTS[raw]
    days = count * (7 if unit.startswith(("week", "woche")) else 30 if unit.startswith("mon") else 1)
    return (today - timedelta(days - 1), today) if 0 < days <= _LONGEST else None


def _iso(match: re.Match[str], today: date) -> Days:
    day = _day(int(match["y"]), int(match["m"]), int(match["d"]))
    return (day, today if match["since"] else day) if day else None


def _day_of_month(match: re.Match[str], today: date) -> Days:
    """Without a year the newest such day."""
    month, number = MONTHS[match["m"].lower()], int(match["d"])
    years = (int(match["y"]),) if match["y"] else range(today.year, today.year - 9, -1)
    day = next((day for year in years if (day := _day(year, month, number)) and day <= today), None)
    return (day, today if match["since"] else day) if day else None


def _since_month(match: re.Match[str], today: date) -> Days:
    month = MONTHS[match["m"].lower()]
    year = int(match["y"]) if match["y"] else today.year - (month > today.month)
    return date(year, month, 1), today


def _day(year: int, month: int, number: int) -> date | None:
    try:
        return date(year, month, number)
    except ValueError:
        return None


def _compile(body: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![\w-]){body}(?!\w)", re.IGNORECASE)


_WHICH = (
    r"(?:(?:in|im|in der|in den) )?(?:the )?"
    r"(?P<which>last|previous|this|letzte[nrms]?|vorige[nrms]?|vergangene[nrms]?|diese[nrms]?)"
)
_Y = r"(?P<y>20\d\d)"
_IN = r"(?:in|im|for|für|of|during)"
_SINCE = r"(?:(?P<since>since|seit)(?: dem| the)? |(?:on|am|at)(?: the)? )?"
_READERS: tuple[tuple[re.Pattern[str], Reader], ...] = (
    (_compile(r"(?:the day before yesterday)"), _before_yesterday),
    (_compile(r"(?P<t>today|heute|yesterday|vorgestern|gestern)(?: ?['’]s)?"), _word),
    (
        _compile(
            r"(?:(?:in|over|during|within|in den|während der|innerhalb der) )?(?:the |die |der )?"
            r"(?:last|past|previous|letzten|vergangenen) (?P<n>\d{1,4}|two|three|four|six|zwei|drei|vier|sechs) "
            r"(?P<u>days|weeks|months|tagen?|wochen|monaten?)"
        ),
        _last_days,
    ),
    (_compile(rf"{_WHICH} (?:week|woche)(?: ?['’]s)?"), _week),
    (_compile(rf"{_WHICH} (?:month|monats?)(?: ?['’]s)?"), _month),
    (_compile(rf"{_WHICH} (?:quarter|quartals?)(?: ?['’]s)?"), _quarter),
    (_compile(rf"{_WHICH} (?:year|jahr(?:es)?)(?: ?['’]s)?"), _year),
    (_compile(rf"{_SINCE}{_Y}-(?P<m>\d\d)-(?P<d>\d\d)"), _iso),
    (_compile(rf"{_SINCE}(?P<d>\d{{1,2}})(?:st|nd|rd|th|\.)?(?: of)? (?P<m>{_M})(?:,? {_Y})?"), _day_of_month),
    (_compile(rf"{_SINCE}(?P<m>{_M}) (?P<d>\d{{1,2}})(?:st|nd|rd|th)?(?:,? {_Y})?"), _day_of_month),
    (_compile(rf"(?:since|seit)(?: dem)? (?P<m>{_M})(?: {_Y})?"), _since_month),
    (_compile(rf"(?:{_IN}(?: the| den)?(?: month of| monat)? )?(?P<m>{_M})(?: ?['’]s)?(?: {_Y})?"), _named_month),
    (_compile(rf"(?:{_IN}(?: the)? )?(?:q|quarter |quartal )(?P<q>[1-4])(?:[ /]{_Y})?"), _named_quarter),
    (_compile(rf"(?:in|im jahr|im jahre|for|für|during|of) {_Y}"), _named_year),
)  # fmt: skip
