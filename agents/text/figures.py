"""Figures in prose: numbers with units, percentages, money, ranges and dates, in English and German spelling."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import lru_cache
from typing import Literal

from agentos.capabilities.words import Language

Bound = Literal["", "most", "least", "about"]
_COUNTED = (*range(2, 13), 15, *range(20, 100, 10))
_WORDS = {
    language: dict(zip(names.split(), _COUNTED, strict=True))
    for language, names in {
        "en": "two three four five six seven eight nine ten eleven twelve fifteen "
        "twenty thirty forty fifty sixty seventy eighty ninety",
        "de": "zwei drei vier fünf sechs sieben acht neun zehn elf zwölf fünfzehn "
        "zwanzig dreißig vierzig fünfzig sechzig siebzig achtzig neunzig",
    }.items()
}
_UNITS = {
    "points": r"percentage points?|Prozentpunkten?",
    "percent": r"%|percent|per cent|Prozent",
    "permille": r"‰|Promille",
    "EUR": r"€|EUR|euros?",
    "USD": r"\$|USD|US-Dollar|(?:US )?dollars?",
    "GBP": r"£|GBP|pounds?|Pfund",
    "CHF": r"CHF|Franken|francs?",
    "kWh": r"kWh|kilowatt[- ]?hours?|Kilowattstunden?",
    "MWh": r"MWh",
    "kW": r"kW|kilowatts?",
    "W": r"W|watts?",
    "°C": r"°\s?C|degrees? Celsius|Grad Celsius|degrees?|Grad|°",
    "K": r"K|kelvins?",
    "m²": r"m²|m2|sqm|square met(?:er|re)s?|Quadratmetern?",
    "m³": r"m³|m3|cubic met(?:er|re)s?|Kubikmetern?",
    "km": r"km|kilomet(?:er|re)s?|Kilometern?",
    "cm": r"cm|centimet(?:er|re)s?|Zentimetern?",
    "mm": r"mm|millimet(?:er|re)s?|Millimetern?",
    "m": r"m|met(?:er|re)s?|Metern?",
    "kg": r"kg|kilos?|kilograms?|Kilogramm",
    "t": r"t|tonnes?|tons?|Tonnen?",
    "g": r"g|grams?|Gramm",
    "l": r"l|lit(?:er|re)s?|Litern?",
    "dB": r"dB(?:\(A\))?|decibels?|Dezibel",
    "year": r"years?|Jahre?n?",
    "month": r"months?|Monate?n?",
    "week": r"weeks?|Wochen?",
    "day": r"days?|Tage?n?",
    "hour": r"hours?|hrs?|Stunden?|h",
    "minute": r"minutes?|mins?|Minuten?",
    "second": r"seconds?|Sekunden?|s",
    "times": r"times|-?fold|-?fach[a-z]*|mal|x|×",
}
_SCALES = {
    r"thousand|Tausend|tsd\.?": Decimal(10**3),
    r"millions?|Millionen|Mio\.?|Million|m(?=\s?(?:€|EUR|\$|£))": Decimal(10**6),
    r"billions?|Milliarden?|Mrd\.?|bn": Decimal(10**9),
}
_BOUNDS: dict[Bound, str] = {
    "most": r"up to|at most|no more than|less than|fewer than|below|under|maximum of|"
    r"bis zu|höchstens|maximal|weniger als|unter",
    "least": r"at least|more than|over|above|minimum of|from|starting at|mindestens|mehr als|über|ab",
    "about": r"about|around|roughly|approximately|approx\.|some|nearly|almost|etwa|ungefähr|circa|ca\.|rund|knapp|gut",
}
_MONTHS = {
    name: number
    for number, names in enumerate(
        ("january januar jan", "february februar feb", "march märz mar", "april apr", "may mai", "june juni jun",
         "july juli jul", "august aug", "september sep sept", "october oktober oct okt", "november nov",
         "december dezember dec dez"), start=1)
    for name in names.split()
}  # fmt: skip
_BETWEEN = rf"\b(?:between|zwischen)(?:\s+(?:{_BOUNDS['about']}))?\s*$"


@dataclass(frozen=True)
class Figure:
    """One figure: `low` and `high` are equal unless it is a range. `unit` is "" for a bare number, "date" for a date.

    A date is `day`: "2026-05-03", "2026-05" or "2026". `start` and `end` are its place in the sentence.
    """

    text: str
    low: Decimal
    high: Decimal
    unit: str
    start: int
    end: int
    per: str = ""
    bound: Bound = ""
    day: str = ""

    def same_value(self, other: Figure) -> bool:
        if self.day and other.day:
            return other.day.startswith(self.day)
        return (self.low, self.high) == (other.low, other.high)

    def same_unit(self, other: Figure) -> bool:
        """A rate ("per year") counts only where both name one: sources often name it once for a whole list."""
        if self.day and other.day:
            return True
        return self.unit == other.unit and (not self.per or not other.per or self.per[:3] == other.per[:3])

    def overclaims(self, source: Figure) -> str:
        """Why this says more than `source` with the same value does, or ""."""
        if source.bound in ("most", "least") and self.bound != source.bound:
            limit = "at most" if source.bound == "most" else "at least"
            return f"the source says {limit} {source.text}, not exactly that"
        if self.bound in ("most", "least") and source.bound not in (self.bound, "", "about"):
            return f"the source's limit is the other way round ({source.text})"
        return ""


def figures(sentence: str, language: Language) -> list[Figure]:
    """All figures of a sentence, from left to right; a number glued to letters ("R290") is a name, not a figure."""
    dates = _dates(sentence)
    numbers = [f for f in _numbers(sentence, language) if not any(d.start < f.end and f.start < d.end for d in dates)]
    return sorted([*dates, *numbers], key=lambda figure: figure.start)


def is_unit(word: str) -> bool:
    """Whether a word is the sign or name of a unit ("kWh"), and therefore no proper name."""
    return bool(_unit(word))


def number(text: str, language: Language) -> Decimal:
    """A number as written. With one separator before exactly three digits, the language says what it means."""
    bare = re.sub(r"[\s\u00a0\u202f']", "", text.replace("’", "'"))
    if "," in bare and "." in bare:
        decimal = max(",.", key=bare.rfind)
    elif bare.count(",") + bare.count(".") > 1:
        decimal = ""
    else:
        mark = "," if "," in bare else "."
        grouping = {"en": ",", "de": "."}[language]
        grouped = mark == grouping and re.fullmatch(r"[1-9]\d{0,2}[.,]\d{3}", bare)
        decimal = "" if grouped else mark
    return Decimal("".join("." if sign == decimal else sign for sign in bare if sign not in ",." or sign == decimal))


def _numbers(sentence: str, language: Language) -> list[Figure]:
    return [figure for match in _pattern(language).finditer(sentence) for figure in _read(match, sentence, language)]


def _read(match: re.Match[str], sentence: str, language: Language) -> list[Figure]:
    part = match.groupdict(default="")
    if part["word"] and not (part["unit"] or part["scale"]):
        return []
    before = sentence[: match.start("figure")]
    scale = next((value for name, value in _SCALES.items() if re.fullmatch(name, part["scale"], re.I)), Decimal(1))
    unit = _unit(part["before"] or part["unit"] or part["lowunit"])
    low = _value(part["low"] or part["word"], language) * (-scale if part["sign"] else scale)
    high = _value(part["high"], language) * scale if part["high"] else low
    whole = Figure(part["figure"].strip(), low, high, unit, match.start("figure"), match.end(), part["per"].casefold(),
                   _bound(before) if low == high else "", _year(part))  # fmt: skip
    if part["join"].strip() not in ("and", "und") or re.search(_BETWEEN, before, re.I):
        return [whole]
    first = replace(whole, text=part["low"], high=low, end=match.end("low"), bound=_bound(before))
    return [first, replace(whole, text=part["high"], low=high, start=match.start("high"), bound="")]


def _year(part: dict[str, str]) -> str:
    plain_year = re.fullmatch(r"(?:18|19|20)\d\d", part["low"])
    only = not (part["high"] or part["unit"] or part["before"] or part["scale"])
    return part["low"] if plain_year and only else ""


def _value(text: str, language: Language) -> Decimal:
    word = _WORDS[language].get(text.casefold())
    return Decimal(word) if word is not None else number(text, language)


def _unit(text: str) -> str:
    return next((unit for unit, names in _UNITS.items() if re.fullmatch(names, text, re.I)), "") if text else ""


def _bound(before: str) -> Bound:
    tail = before[-30:]
    for bound, names in _BOUNDS.items():
        if re.search(rf"(?<!\w)(?:{names})\s*$", tail, re.I):
            return bound
    return ""


@lru_cache(maxsize=2)
def _pattern(language: Language) -> re.Pattern[str]:
    digits = r"(?:\d{1,3}(?:[.,'’\u00a0\u202f ]\d{3})+(?:[.,]\d+)?(?!\d)|\d+(?:[.,]\d+)?)"
    after = r"(?![^\W_])"
    return re.compile(
        r"(?<![\w.,])(?P<figure>(?P<sign>[-−](?=\d))?(?P<before>[€$£]|(?:EUR|USD|GBP|CHF)(?=\s?\d))?\s?"
        rf"(?:(?P<low>{digits})|(?P<word>(?:{'|'.join(_WORDS[language])})))"
        r"(?:\s?(?P<lowunit>%|€|°C|\$|Prozent|percent))?"
        rf"(?:(?P<join>\s?[-–—]\s?|\s(?:to|bis|and|und)\s)[€$£]?(?P<high>{digits}))?"
        rf"(?:\s?(?P<scale>{'|'.join(_SCALES)}){after})?"
        rf"(?:\s?-?(?P<unit>{'|'.join(_UNITS.values())}){after})?){after}"
        r"(?:\s*(?:/|per\s|pro\s|je\s|a\s|im\s)\s*(?P<per>[^\W\d_]+[²³]?))?",
        re.I,
    )


def _dates(sentence: str) -> list[Figure]:
    months = "|".join(sorted(_MONTHS, key=len, reverse=True))
    patterns = (
        r"(?P<y>\d{4})-(?P<mn>\d\d)-(?P<d>\d\d)",
        r"(?P<d>\d{1,2})\.\s?(?P<mn>\d{1,2})\.\s?(?P<y>\d{4})",
        rf"(?P<d>\d{{1,2}})(?:st|nd|rd|th|\.)?\s(?:of\s)?(?P<m>{months})\.?,?\s(?P<y>\d{{4}})",
        rf"(?P<m>{months})\.?\s(?P<d>\d{{1,2}})(?:st|nd|rd|th)?,\s(?P<y>\d{{4}})",
        rf"(?P<m>{months})\.?\s(?P<y>\d{{4}})",
    )
    found: list[Figure] = []
    for pattern in patterns:
        for match in re.finditer(rf"(?<!\w){pattern}(?!\d)", sentence, re.I):
            if not any(other.start < match.end() and match.start() < other.end for other in found):
                found.append(_date(match))
    return found


def _date(match: re.Match[str]) -> Figure:
    part = match.groupdict(default="")
    month = int(part["mn"]) if part.get("mn") else _MONTHS[part["m"].casefold()]
    day = f"{part['y']}-{month:02}" + (f"-{int(part['d']):02}" if part.get("d") else "")
    return Figure(match.group(), Decimal(-1), Decimal(-1), "date", match.start(), match.end(), day=day)
