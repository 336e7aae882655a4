"""Days in running text, English and German, relative to the operator's own day; and which of them is a due date."""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from agentos.intents.amounts import plain

MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "january januar jänner jan", "february februar feb", "march märz maerz mar mär", "april apr", "may mai",
            "june juni jun", "july juli jul", "august aug", "september sept sep", "october oktober oct okt",
            "november nov", "december dezember dec dez",
        ),
        start=1,
    )
    for name in names.split()
}  # fmt: skip
_WEEKDAYS = {
    name: number
    for number, names in enumerate(
        ("monday montag", "tuesday dienstag", "wednesday mittwoch", "thursday donnerstag", "friday freitag",
         "saturday samstag sonnabend", "sunday sonntag")
    )
    for name in names.split()
}  # fmt: skip
_COUNTS = {"one": 1, "two": 2, "three": 3, "four": 4, "six": 6, "ten": 10, "a": 1, "einer": 1, "einem": 1, "einen": 1,
           "zwei": 2, "drei": 3, "vier": 4, "sechs": 6, "zehn": 10}  # fmt: skip
_M = "|".join(sorted(MONTHS, key=len, reverse=True))
_W = "|".join(_WEEKDAYS)
_C = r"\d{1,4}|" + "|".join(sorted(_COUNTS, key=len, reverse=True))
_DUE = (
    r"(?:(?P<due>\b(?:payment (?:is )?due(?: date)?|due(?: date)?|payable|pay|deadline|no later than"
    r"|not later than|by|until|till|before|"
    r"fällig(?:keit)?|zahlbar|zahlungsziel|spätestens|bis)\b[:]?(?: (?:on|by|until|am|zum|bis|spätestens|the|den"
    r"|dem|is|ist|in)\b){0,3} ?))"
)
_NOT_IN_WORD = r"(?<![\w.,/-])"
_LIMIT_DAYS = 3650


@dataclass(frozen=True)
class FoundDate:
    """A day named in a text. `day` None means it could not be fixed; `problem` then says why, in words.
    `due` says whether the words around it make it the due date."""

    start: int
    end: int
    text: str
    day: date | None
    due: bool
    problem: str = ""
    choices: tuple[str, ...] = ()


Reading = tuple[date | None, str, tuple[str, ...]]
Reader = Callable[[re.Match[str], date], Reading]


def find_dates(text: str, *, now: datetime, timezone: str) -> tuple[FoundDate, ...]:
    """All days in the text, in order, none overlapping; relative ones count from `now` as the clock shows in
    `timezone`."""
    today = now.astimezone(ZoneInfo(timezone)).date()
    found: list[FoundDate] = []
    for one in _candidates(plain(text), text, today):
        if not any(one.start < other.end and other.start < one.end for other in found):
            found.append(one)
    return tuple(sorted(found, key=lambda one: one.start))


def _candidates(flat: str, text: str, today: date) -> Iterator[FoundDate]:
    for pattern, read, always_due in _READERS:
        for match in pattern.finditer(flat):
            day, problem, choices = read(match, today)
            due = always_due or match.group("due") is not None
            if due and day is not None and day < today:
                day, problem = None, "lies in the past"
            yield FoundDate(
                match.start(), match.end(), text[match.start() : match.end()].strip(), day, due, problem, choices
            )


def _certain(year: int, month: int, day: int) -> Reading:
    try:
        return date(year, month, day), "", ()
    except ValueError:
        return None, "is not a day of the calendar", ()


def _without_year(month: int, day: int, today: date) -> Reading:
    """The next such day: what a person means who leaves the year out."""
    for year in range(today.year, today.year + 9):
        reading = _certain(year, month, day)
        if reading[0] and reading[0] >= today:
            return reading
    return None, "is not a day of the calendar", ()


def _full(year: str) -> int:
    return int(year) + 2000 if len(year) == 2 else int(year)


def _iso(match: re.Match[str], today: date) -> Reading:
    return _certain(int(match["y"]), int(match["m"]), int(match["d"]))


def _dotted(match: re.Match[str], today: date) -> Reading:
    day, month = int(match["d"]), int(match["m"])
    return _certain(_full(match["y"]), month, day) if match["y"] else _without_year(month, day, today)


def _slashed(match: re.Match[str], today: date) -> Reading:
    """15/12 and 12/15 are clear; 3/4 is the third of April or the fourth of March."""
    first, second = int(match["d"]), int(match["m"])
    readings = {
        reading[0]
        for day, month in ((first, second), (second, first))
        if (reading := _certain(_full(match["y"]), month, day) if match["y"] else _without_year(month, day, today))[0]
    }
    if len(readings) > 1:
        return None, "can be read two ways", tuple(sorted(str(day) for day in readings))
    return (readings.pop(), "", ()) if readings else (None, "is not a day of the calendar", ())


def _named_month(match: re.Match[str], today: date) -> Reading:
    month, day = MONTHS[match["m"].lower()], int(match["d"])
    return _certain(int(match["y"]), month, day) if match["y"] else _without_year(month, day, today)


def _end_of_month(match: re.Match[str], today: date) -> Reading:
    month = MONTHS[match["m"].lower()] if match["m"] else today.month
    year = int(match["y"]) if match["y"] else today.year + (month < today.month)
    if not 1 <= year <= 9999:
        return None, "is not a day of the calendar", ()
    return date(year, month, calendar.monthrange(year, month)[1]), "", ()


def _weekday(match: re.Match[str], today: date) -> Reading:
    ahead = (_WEEKDAYS[match["w"].lower()] - today.weekday()) % 7
    if match["next"]:
        soon, later = today + timedelta(ahead or 7), today + timedelta((ahead or 7) + 7)
        # "next Friday" said on Monday is the coming one to some and the one after to others.
        return (soon, "", ()) if ahead == 0 else (None, "can be read two ways", (str(soon), str(later)))
    if ahead == 0:
        return None, "can be read two ways", (str(today), str(today + timedelta(7)))
    return today + timedelta(ahead), "", ()


def _relative(match: re.Match[str], today: date) -> Reading:
    raw, unit = match["n"].lower(), match["u"].lower()
    count = int(raw) if raw.isdigit() else _COUNTS[raw]
    days = count * (7 if unit.startswith(("week", "woche")) else 1)
    if unit.startswith("mon"):
        return _months_ahead(today, count)
    return (today + timedelta(days), "", ()) if days <= _LIMIT_DAYS else (None, "is too far away", ())


def _months_ahead(today: date, count: int) -> Reading:
    if count > _LIMIT_DAYS // 30:
        return None, "is too far away", ()
    year, month = divmod(today.year * 12 + today.month - 1 + count, 12)
    return date(year, month + 1, min(today.day, calendar.monthrange(year, month + 1)[1])), "", ()


def _net_days(match: re.Match[str], today: date) -> Reading:
    days = int(match["n"])
    return (today + timedelta(days), "", ()) if days <= 365 else (None, "is too far away", ())


def _word(match: re.Match[str], today: date) -> Reading:
    return (
        today + timedelta({"today": 0, "heute": 0, "tomorrow": 1, "morgen": 1, "übermorgen": 2}[match["t"].lower()]),
        "",
        (),
    )


def _vague(match: re.Match[str], today: date) -> Reading:
    return None, "is not a day", ()


def _compile(body: str, due: str = "?") -> re.Pattern[str]:
    return re.compile(f"{_NOT_IN_WORD}{_DUE}{due}{body}", re.IGNORECASE)


_UNITS = r"days?|weeks?|months?|tagen?|tage|wochen?|monaten?|monate|werktagen?"
_READERS: tuple[tuple[re.Pattern[str], Reader, bool], ...] = (
    (_compile(r"(?P<y>\d{4})-(?P<m>\d{1,2})-(?P<d>\d{1,2})(?![\w-])"), _iso, False),
    (_compile(r"(?P<d>\d{1,2})\. ?(?P<m>\d{1,2})\.(?: ?(?P<y>\d{4}|\d{2})(?![\d.,]))?(?!\d)"), _dotted, False),
    (_compile(r"(?P<d>\d{1,2})/(?P<m>\d{1,2})/(?P<y>\d{4}|\d{2})(?![\w/])"), _slashed, False),
    (_compile(r"(?P<d>\d{1,2})/(?P<m>\d{1,2})(?P<y>(?!))?(?![\w/])", ""), _slashed, False),
    (
        _compile(rf"(?P<d>\d{{1,2}})(?:st|nd|rd|th|\.)?(?: of)? (?P<m>{_M})\.?(?!\w)(?:,? (?P<y>\d{{4}})(?!\w))?"),
        _named_month,
        False,
    ),
    (
        _compile(rf"(?P<m>{_M})\.? (?P<d>\d{{1,2}})(?:st|nd|rd|th)?(?![\w.,]\d|\w)(?:,? (?P<y>\d{{4}})(?!\w))?"),
        _named_month,
        False,
    ),
    (
        _compile(
            rf"(?:the )?(?:end of|ende)(?: (?:the|this|des|dieses))?(?: month| monats?"
            rf"| (?P<m>{_M}))(?!\w)(?: (?P<y>\d{{4}})(?!\w))?"
        ),
        _end_of_month,
        False,
    ),
    (_compile(r"(?:monatsende)(?P<m>(?!))?(?P<y>(?!))?(?!\w)"), _end_of_month, False),
    (_compile(rf"(?P<next>next |nächste[nrm]? |kommende[nrm]? )?(?P<w>{_W})(?!\w)", ""), _weekday, False),
    (_compile(rf"(?:in|within|innerhalb(?: von)?|binnen) (?P<n>{_C}) (?P<u>{_UNITS})(?!\w)"), _relative, True),
    (_compile(rf"(?P<n>{_C}) (?P<u>{_UNITS})(?!\w)", ""), _relative, False),
    (_compile(r"net (?P<n>\d{1,4})(?: days)?(?![\w.,%€$£]|\s*(?:€|eur|usd|gbp|chf|\$|£|k\b))"), _net_days, True),
    (_compile(r"(?P<n>\d{1,3}) (?:days net|tage netto)(?!\w)"), _net_days, True),
    (_compile(r"(?P<t>today|heute|tomorrow|morgen|übermorgen)(?!\w)", ""), _word, False),
    (
        _compile(r"(?:next|nächste[nrm]?|kommende[nrm]?) (?:week|month|woche|monats?|year|jahr)(?!\w)", ""),
        _vague,
        False,
    ),
)


def read_due(text: str, *, now: datetime, timezone: str) -> FoundDate | None:
    """A day given as the answer to "when is it due?": any form, with or without "by". None when there is none or
    several."""
    answer = text.strip().rstrip(".!") if re.search(r"[^\W\d]", text) else text.strip()
    for candidate in (answer, f"by {answer}", f"in {answer}"):
        found = find_dates(candidate, now=now, timezone=timezone)
        if found:
            return found[0] if len({one.day for one in found}) == 1 else None
    return None
