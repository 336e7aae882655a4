"""Amounts of money in running text, in English and German notation. What can be read two ways is not read at all."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from agentos.intents.currencies import CODES, DOLLARS, NAMES, SYMBOLS
from agentos.money import digits

Basis = Literal["net", "gross"]
Span = tuple[int, int]

CONFIRM_ABOVE = Decimal(1_000_000)
"""Above this an amount is asked about once more."""
LARGEST = Decimal(10) ** 12

_NUMBER = r"\d{1,3}(?:[ ']\d{3})+(?!\d)(?:[.,]\d{1,2}(?!\d))?|\d+(?:[.,]\d+)*"
_SCALES = {
    "k": 1000,
    "tsd": 1000,
    "thousand": 1000,
    "tausend": 1000,
    "million": 10**6,
    "millionen": 10**6,
    "mio": 10**6,
}
_SCALE = r"(?: ?k(?![^\W\d_])| ?(?:tsd\.?|thousand|tausend|mio\.?|millionen|million)(?!\w))"
_SIGNED = [re.escape(s) for s in sorted(SYMBOLS, key=len, reverse=True)]
_WORDS = [re.escape(s) for s in sorted(NAMES, key=len, reverse=True)]
_SYMBOL = "|".join(_SIGNED)
_BEFORE = rf"(?:(?P<pre>{_SYMBOL}|(?<![^\W_])(?-i:[A-Z]{{3}})|(?<!\w)(?:eur|usd|gbp|chf))[ :]?)?"
_AFTER = rf"(?P<dash>[.,] ?[-–—]+)?(?: ?(?P<post>{_SYMBOL}|(?:{'|'.join(_WORDS)})(?!\w)|(?-i:[A-Z]{{3}})(?!\w)))?"
_AMOUNT = re.compile(
    rf"(?<![\w.,])(?P<sign>[-–] ?|minus )?{_BEFORE}(?P<sign2>-)?(?P<number>{_NUMBER})(?P<scale>{_SCALE})?{_AFTER}",
    re.IGNORECASE,
)
_VAT = r"(?:vat|tax|taxes|mwst\.?|ust\.?|mehrwertsteuer|umsatzsteuer|steuern?)"
_PLUS_VAT = (
    r"(?:plus|excl\.?|excluding|exclusive of|before|zzgl\.?|zuzüglich|exkl\.?) (?:the "
    rf"|der )?(?:\d+ ?% )?{_VAT}"
)
_WITH_VAT = (
    rf"(?:incl\.?|including|inclusive of|with|inkl\.?|inklusive|einschließlich|mit) (?:the |der )?(?:\d+ ?% )?{_VAT}"
)
_NET = re.compile(rf"(?:net(?! \d)|netto|{_PLUS_VAT})(?!\w)", re.IGNORECASE)
_GROSS = re.compile(rf"(?:gross|brutto|{_WITH_VAT})(?!\w)", re.IGNORECASE)
_RATE = re.compile(
    r" ?(?:/ ?|(?:per|an|a|each|pro|je|die) ?)(?:hour|day|week|month|word|page|h\b|piece|stunde|tag|woche|monat"
    r"|wort|seite|stück)"
    r"| ?each\b| je\b",
    re.IGNORECASE,
)
_TIMES = re.compile(r"(?:\d ?[x×*] ?|\b(?:hours?|days?|stunden?|tagen?|h) (?:at|à|zu|je|für) )$", re.IGNORECASE)
_RANGE = re.compile(r"\d(?: ?(?:€|\$|£|eur))? ?(?:-|–|—|to|bis|or|oder) ?$", re.IGNORECASE)
_UNIT = re.compile(
    r"-?[^\W\d_]| ?(?:%|‰|°|percent|prozent|days?\b|tagen?\b|tage\b|weeks?\b|wochen?\b|months?\b|monaten?\b|years?\b"
    r"|jahren?\b|hours?\b|"
    r"stunden?\b|minutes?\b|minuten\b|words?\b|wörter[n]?\b|worte[n]?\b|pages?\b|seiten\b|kw|kwh|m²|m2|h\b|x\b|×|st\b|nd\b|rd\b|th\b|"
    r"[-/:]\d|(?-i:\. [a-zäöü])|uhr|am\b|pm\b)",
    re.IGNORECASE,
)
_BEFORE_YEAR = re.compile(
    r"\b(?:in|of|from|aus|vom?|january|february|march|april|may|june|july|august|september|october|november|december|"
    r"januar|februar|märz|mai|juni|juli|oktober|dezember|spring|summer|autumn|winter|frühjahr|sommer|herbst) $",
    re.IGNORECASE,
)
_DESCRIBED = re.compile(r"\b(?:for|für|wegen) [^.;,!?\n]*\w $", re.IGNORECASE)
"""A year may end a description: "for consulting 2026"."""
_NEAR = 100
"""Characters around a number that say what it is."""
_NUMBERED = re.compile(
    r"(?:#|no\.?|nr\.?|number|nummer|§|q|version|net|chapter|part|teil|kapitel|top) ?$", re.IGNORECASE
)


_FOLLOWED = re.compile(
    r" (?!(?:for|für|from|by|bis|due|fällig|on|at|as|in|and|und|or|oder|plus|with|mit|zum|zur|to|an|via|per|pro|please|"
    r"bitte|now|today|tomorrow|heute|morgen|net|netto|gross|brutto|incl\w*|inkl\w*|excl\w*|exkl\w*|zzgl|zuzüglich|vat|mwst|ust|"
    r"the|der|die|das|dem|den|it|is|ist|auf|über|payable|zahlbar|within|innerhalb|total|insgesamt|stellen|berechnen|"
    r"again|minus|less|abzüglich|ohne|without|via|immediately|sofort|thanks|danke|wegen|aus|vom|von|of)\b)[^\W\d_]{3,}s?\b",
    re.IGNORECASE,
)
"""A word right behind a bare number that is none of the usual ones: "1,200 doubloons" may well name a currency."""


@dataclass(frozen=True)
class FoundAmount:
    """One amount in a text. `values` holds one reading when it is clear, two when it can be read two ways, none when it
    is no number. `currency` None means: the text names none. `problem` says in words why it can't be used as it is."""

    start: int
    end: int
    text: str
    values: tuple[Decimal, ...]
    currency: str | None
    basis: Basis | None
    problem: str = ""
    choices: tuple[str, ...] = ()


def plain(text: str) -> str:
    """The same text, character for character, with any script's digits, spaces, minus signs and apostrophes as
    ASCII."""
    return "".join(_ascii(ch) for ch in text)


def _ascii(ch: str) -> str:
    if ch.isascii():
        return ch
    digit = unicodedata.decimal(ch, None)
    return str(digit) if digit is not None else _LOOKALIKES.get(ch, ch)


_LOOKALIKES = dict.fromkeys("\u00a0\u2007\u2009\u202f", " ") | dict.fromkeys("’ʼ＇", "'") | {
    "\u2212": "-",
    "\u066b": ".",
    "\u066c": ",",
}  # fmt: skip


def read_number(raw: str, language: str, currency: str | None) -> tuple[Decimal, ...]:
    """All values `raw` can mean: one when it is clear, two when "1.200" may be twelve hundred or one point two.

    A named currency with fewer than three decimal places is evidence for thousands, and so is the notation of the
    text's language (comma in English, point in German).
    """
    compact = raw.replace(" ", "").replace("'", "")
    marks = [ch for ch in compact if ch in ".,"]
    if not marks:
        return (Decimal(compact),)
    parts = re.split("[.,]", compact)
    if len(set(marks)) == 2:
        grouped = marks[-1] not in marks[:-1] and len(set(marks[:-1])) == 1 and _in_threes(parts[:-1])
        return (_decimal(parts),) if grouped and len(parts[-1]) <= 3 else ()
    if len(marks) > 1:
        return (Decimal("".join(parts)),) if _in_threes(parts) else ()
    if len(parts[1]) != 3 or "'" in raw or " " in raw:
        return (_decimal(parts),) if len(parts[1]) < 3 else ()
    return _one_mark_three_digits(parts, marks[0], language, currency)


def _one_mark_three_digits(parts: list[str], mark: str, language: str, currency: str | None) -> tuple[Decimal, ...]:
    if parts[0].startswith("0") or len(parts[0]) > 3:
        return (_decimal(parts),)
    thousands, fraction = Decimal("".join(parts)), _decimal(parts)
    three_decimals = currency is not None and digits(currency) == 3
    if not three_decimals and (currency is not None or (mark, language) in {(",", "en"), (".", "de")}):
        return (thousands,)
    return (thousands, fraction)


def _in_threes(parts: Sequence[str]) -> bool:
    return 1 <= len(parts[0]) <= 3 and all(len(part) == 3 for part in parts[1:])


def _decimal(parts: Sequence[str]) -> Decimal:
    return Decimal("".join(parts[:-1]) + "." + parts[-1])


def find_amounts(
    text: str, *, language: str, home: str, bare_from: int | None = None, taken: Sequence[Span] = ()
) -> tuple[FoundAmount, ...]:
    """The amounts in `text`, in order. `home` is the currency of the business: a number without a currency counts only
    from position `bare_from` on (None: never), and a dollar sign means the home dollar where home has one.
    `taken` are spans that are something else (dates, addresses)."""
    flat = plain(text)
    found = []
    for match in _AMOUNT.finditer(flat):
        if any(start < match.end("number") and match.start("number") < end for start, end in taken):
            continue
        named = _named(match, home)
        sure = _sure(match, named)
        if sure or _bare(flat, match, bare_from):
            found.append((sure, _amount(text, flat, match, named, language, home)))
    if any(sure for sure, _ in found):
        found = [one for one in found if one[0]]
    return tuple(amount for _, amount in found)


def _named(match: re.Match[str], home: str) -> str | None:
    """The currency as an ISO code, "" for one that is named but unclear or unknown, None when none is named."""
    for group in ("post", "pre"):
        word = match.group(group)
        if not word or word in _WORDS_IN_CAPITALS:
            continue
        if word.lower() in DOLLARS and home in _HOME_DOLLARS:
            return home
        known = SYMBOLS.get(word.lower(), NAMES.get(word.lower()))
        return known if known is not None else (word.upper() if word.upper() in CODES else "")
    return None


_HOME_DOLLARS = frozenset({"USD", "CAD", "AUD", "NZD", "SGD", "HKD"})
_WORDS_IN_CAPITALS = frozenset(
    ["AND", "FOR", "THE", "VAT", "NET", "DUE", "UND", "MIT", "ZUM", "BIS", "KWH", "LED", "USB", "SEO"]
)


def _sure(match: re.Match[str], named: str | None) -> bool:
    """A currency we know, or a sign for one: three capitals we don't know may be any abbreviation."""
    word = match.group("post") or match.group("pre") or ""
    return named is not None and (named != "" or not re.fullmatch("[A-Z]{3}", word))


def _bare(flat: str, match: re.Match[str], bare_from: int | None) -> bool:
    if bare_from is None or match.start("number") < bare_from:
        return False
    if match.group("dash"):
        return True
    end = match.end("scale") if match.group("scale") else match.end("number")
    before, after = flat[max(0, match.start("number") - _NEAR) : match.start("number")], flat[end : end + _NEAR]
    year = re.fullmatch(r"(?:19|20)\d\d", match.group("number")) and (
        _BEFORE_YEAR.search(before) or _DESCRIBED.search(before)
    )
    return not (_UNIT.match(after) or _NUMBERED.search(before) or year)


def _amount(text: str, flat: str, match: re.Match[str], named: str | None, language: str, home: str) -> FoundAmount:
    end = (
        match.end()
        if named is not None or match.group("dash")
        else match.end("scale")
        if match.group("scale")
        else match.end("number")
    )
    start = (
        match.start() if named is not None else match.start("sign") if match.group("sign") else match.start("number")
    )
    raw, scale = match.group("number"), match.group("scale")
    values = read_number(raw, language if not scale else "", named or None)
    if scale:
        factor = _SCALES[scale.strip(" .").lower()]
        values = tuple(value * factor for value in read_number(raw, language, None))
    if match.group("sign") or match.group("sign2"):
        values = tuple(-value for value in values)
    basis, mixed = _basis(flat, start, end)
    problem, choices = _problem(flat, match, start, end, values, named, home)
    if not problem and mixed:
        problem = "is called both net and gross"
        choices = tuple(f"{values[0]} {named or home} {side}" for side in ("net", "gross"))
    return FoundAmount(start, end, text[start:end].strip(), values, named or None, basis, problem, choices)


def _basis(flat: str, start: int, end: int) -> tuple[Basis | None, bool]:
    """Net or gross by the words right before and after the amount; the flag says that both were used."""
    before = flat[max(0, start - 24) : start]
    after = flat[end : end + 80].lstrip(" (,")
    net = bool(
        _NET.match(after) or re.search(r"\b(?:net|netto)(?: (?:of|amount|von|betrag))? ?$", before, re.IGNORECASE)
    )
    gross = bool(
        _GROSS.match(after) or re.search(r"\b(?:gross|brutto)(?: (?:of|amount|von|betrag))? ?$", before, re.IGNORECASE)
    )
    if net and gross:
        return None, True
    return ("net" if net else "gross" if gross else None), False


_BASIS_BEFORE = re.compile(r"\b(?:net|netto|gross|brutto)(?: (?:of|amount|von|betrag))? ?$", re.IGNORECASE)
_BASIS_AFTER = re.compile(rf"[ (,]*(?:{_NET.pattern}|{_GROSS.pattern})\)?", re.IGNORECASE)


def with_basis(text: str, found: FoundAmount) -> Span:
    """Where the amount stands, with the words beside it that say net or gross."""
    before = _BASIS_BEFORE.search(text, max(0, found.start - 24), found.start)
    after = _BASIS_AFTER.match(text, found.end)
    return (before.start() if before else found.start), (after.end() if after else found.end)


def _problem(
    flat: str, match: re.Match[str], start: int, end: int, values: tuple[Decimal, ...], named: str | None, home: str
) -> tuple[str, tuple[str, ...]]:
    currency = named or home
    before, after = flat[max(0, start - _NEAR) : start], flat[end : end + _NEAR]
    if not values:
        return "is not a number I can read", ()
    if named == "" or (named is None and not match.group("dash") and _FOLLOWED.match(after)):
        return "has a currency I don't know", ()
    if len(values) > 1:
        return "can be read two ways", tuple(f"{_written(value, currency)} {currency}" for value in values)
    if _RATE.match(after) or _TIMES.search(before):
        return "looks like a price per unit, not a total", ()
    if _RANGE.search(before) or re.match(
        rf" ?(?:-|–|—|to|bis|or|oder) ?(?:€|\$|£)?(?:{_NUMBER}) ?(?:€|\$|£|eur|usd|gbp|chf)", after, re.I
    ):
        return "is part of a range", ()
    return _size(values[0], currency)


def _size(value: Decimal, currency: str) -> tuple[str, tuple[str, ...]]:
    if value <= 0:
        return "is not above zero", ()
    if value > LARGEST:
        return "is larger than any invoice", ()
    if value != round(value, digits(currency)):
        return f"has more decimal places than {currency} has", ()
    if value > CONFIRM_ABOVE:
        return "is unusually large; please confirm it", (f"{_written(value, currency)} {currency}",)
    return "", ()


def _written(value: Decimal, currency: str) -> str:
    """Plain decimal notation with the currency's places, or more when the value has more: it reads back as the same
    value."""
    places = max(digits(currency), -int(value.normalize().as_tuple().exponent))
    return f"{value:.{min(places, 6)}f}"


def slot(value: Decimal, currency: str, basis: Basis) -> dict[str, str]:
    """The JSON form of an amount in a task's slots."""
    return {"amount": f"{value:.{digits(currency)}f}", "currency": currency, "basis": basis}
