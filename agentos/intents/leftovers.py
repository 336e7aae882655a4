"""What no reader has read. Once names, amounts, days and the description are taken out of a request for an invoice,
only words that change nothing may be left; everything else is asked about or stands on a card."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from agentos.intents.words import word_set

Span = tuple[int, int]

_HARMLESS = word_set(
    """
    invoice invoices bill charge send write issue make create prepare raise a an the to for of over in is are was be
    please kindly and then also can could will would you i we want need like us me my our your it them him her that this
    amount amounting total fee price bitte und dann danach auch thanks thank hello hallo hi dear asap urgent urgently
    immediately soon now right away possible as rush hurry overnight confidential confidentially vertraulich client
    customer kunde kunden kundin rechnung rechnungen stelle stell stellen stellt schicke schick schicken schreibe
    schreib schreiben sende senden erstelle erstell erstellen mache mach machen lege leg anlegen berechne berechnen
    fakturiere eine einen einem einer ein die der das den dem an über ueber für fuer von vom betrag insgesamt gesamt
    summe honorar preis ich wir möchte mir uns dringend eilig sofort umgehend danke ihm ihr ihnen zu zum zur s
    """
)
"""Words of a plain request for an invoice. A word belongs here only if leaving it out never changes the invoice."""

_FIGURES = word_set(
    """
    two three four five six seven eight nine ten eleven twelve fifteen twenty thirty forty fifty hundred hundreds
    thousand million billion bn dozen half quarter third twice thrice double triple times percent per each hourly daily
    weekly monthly yearly annually rate deposit discount rebate less minus plus extra cent cents ct actually
    rather wait sorry correction instead x h hr hrs hour hours day days week weeks month months pieces units zwei drei
    vier fünf sechs sieben acht neun zehn elf zwölf zwanzig dreißig fünfzig hundert tausend tsd mio milliarde mrd halb
    halbe halber hälfte doppelt zweimal dreimal mal prozent je jeweils pro á à std stunde stunden stundensatz tag tage
    tagen tagessatz woche wochen monat monate rabatt skonto nachlass anzahlung abschlag abzüglich zuzüglich moment
    eigentlich korrektur halves at ab up about around circa ca ungefähr etwa approximately roughly
    """
)
"""Words that count, share, rate or correct."""
_OPERATOR = re.compile(r"[+*/×÷=%‰^~<>±·\\|&]|\d")
_UNITS = (
    r"(?:h|hrs?|hours?|days?|weeks?|months?|years?|std|stunden?|tagen?|tage|wochen?|monaten?|monate|minutes?|minuten"
    r"|times|mal|pieces?|stück|units?|percent|prozent|parts?|copies|teilen?|raten)"
)
_COUNTED = re.compile(
    rf"^(?!(?:19|20)\d\d\b)(?:\d[\d.,]*(?:\s+|{_UNITS}\b)|(?:two|three|four|five|six|seven|eight|nine|ten|twelve|twenty"
    rf"|zwei|drei|vier|fünf|sechs|acht|zehn|zwölf)\s)"
    rf"|,\s*\d[\d.,]*$|\b\d[\d.,]*\s?{_UNITS}\b|\d\s?%|[+*×÷=/]\s?\d|\bx\s?\d|\d\s?x\b"
    r"|\b(?:plus|minus|less|times|mal|and|und|or|oder|no|nein|at|à|á|zu|je)\s+\d[\d.,]*(?!\s*-?[^\W\d])",
    re.IGNORECASE,
)
"""In a description: a count, a share or a sum, which may well be how the amount is meant."""

_ORDERS = re.compile(
    r"(?P<lead>[,;(–—-]\s*|\b(?:and|und|but|aber|then|dann|please|bitte|so|noch|to|an)\s+)*"
    r"(?P<word>\b(?:not|never|don['’]?t|doesn['’]?t|won['’]?t|cannot|can['’]t|without|except|but|unless"
    r"|if|once|when|whenever|"
    r"until|till|after|before|only|provided|as soon as|however|instead|ask|check with|confirm|approve"
    r"|approval|approved|"
    r"accept(?:s|ed)?|wait|hold|draft|later|tomorrow|today|tonight|next (?:week|month|year)|dated|backdat\w*|date it|"
    r"every|each|monthly|weekly|daily|hourly|yearly|annually|quarterly|recurring|regularly|vat|tax|taxes"
    r"|reverse charge|"
    r"net|gross|"
    r"discount|rebate|paid|pay|payable|due|deposit|instal\w*|advance|refund|credit|remind|overdue|again|once more|"
    r"re-?send|replace|cancel|correct(?:ion|ed)?|sorry|actually|rather|make (?:that|it)|i mean|send|mail"
    r"|e-?mail|forward|copy|"
    r"cc|bcc|attach|(?:invoice )?number|no\.|no(?=,)|nein(?=,)|po|reference|ref|in the name of|addressed|immediately|"
    r"nicht|kein\w*|nie|niemals|ohne|außer|aber|falls|wenn|sobald|sofern|nur|erst|bevor|nachdem|jedoch"
    r"|stattdessen|frag\w*|"
    r"warte\w*|entwurf|später|morgen|heute|nächste\w* (?:woche|monat|jahr)|datiert|rückdatier\w*|jede\w*|monatlich\w*|"
    r"wöchentlich\w*|täglich\w*|jährlich\w*|vierteljährlich\w*|regelmäßig\w*|mwst|ust|mehrwertsteuer"
    r"|umsatzsteuer|steuer\w*|"
    r"netto|brutto|"
    r"rabatt|skonto|bezahlt|zahlbar|fällig|anzahlung|rate|raten|gutschrift|mahnung|zahlungserinnerung"
    r"|erinner\w*|nochmals?|"
    r"noch einmal|erneut|storn\w*|korrektur|korrigier\w*|entschuldigung|eigentlich|vielmehr|doch"
    r"|schick\w*|send\w*|maile?|"
    r"weiterleit\w*|kopie|nummer|rechnungsnummer|nr\.|bestellnummer|sofort)(?!\w)"
    r"|\S+@\S+|\d[\d.,]*\s?%)",
    re.IGNORECASE,
)
"""In a description or beside the invoice: conditions, negations, dates, taxes, recipients, numbers, recurrences."""

_NOT_ISSUING = re.compile(
    r"\b(?:reminders?|remind\w*|dunning|overdue|unpaid|again|once more|anew|re-?send|translat(?:e|ed)"
    r"|proofread\w*|forward"
    r"|explain|credit note|refund|cancel|void|copy of|duplicate|zahlungserinnerung\w*|erinner\w*|mahn(?:e|en|ung|ungen)"
    r"|überfällig\w*|nochmals?|noch einmal|erneut|übersetz\w*|gutschrift|storn\w*|kopie|weiterleit\w*|leite)\b",
    re.IGNORECASE,
)
_NO_FIGURE = re.compile(
    r"\S+@\S+|\b(?:number|no\.?|nr\.?|nummer|\w+nummer|po|ref(?:erence)?)[:\s]+[\w/.-]*\d[\w/.-]*"
    r"|\d[\d.,]* ?% ?(?:vat|tax|mwst|ust|mehrwertsteuer|umsatzsteuer)",
    re.IGNORECASE,
)
"""Digits that are an address, a number of a document or a tax: they are quoted, but don't change the amount."""
_WORD = re.compile(r"[^\W_]+(?:['’&.-][^\W_]+)*")
_BREAK = re.compile(r"[;!?\n()]|,(?!\d)|\.(?=\s|$)|\s[–—]\s")
_CONNECTS = word_set(
    "but if once when unless until and or only aber falls wenn sobald und oder nur without with mit ohne"
)


@dataclass(frozen=True)
class Leftover:
    """A stretch of words that was said and not read. `figure`: it may change the amount. `beside`: it touches it."""

    start: int
    end: int
    text: str
    figure: bool
    beside: bool = False


def orders_in(phrase: str) -> int | None:
    """Where in a description something else begins that is no description: the joining words before it included."""
    match = _ORDERS.search(phrase)
    return None if match is None else match.start()


def counts(word: str) -> bool:
    return word.casefold() in _FIGURES


def counted(phrase: str) -> bool:
    """Whether a description holds a count or a sum: "3 days" and "10 % off", not "a 3-day workshop"."""
    return _COUNTED.search(phrase) is not None


def no_issue(found: Sequence[Leftover]) -> bool:
    """Whether these words say that no new invoice is wanted: a reminder, a translation, the same once more."""
    return any(_NOT_ISSUING.search(one.text) for one in found)


def leftovers(
    text: str, known: Sequence[Span], amounts: Sequence[Span], days: Sequence[Span], within: Span
) -> tuple[Leftover, ...]:
    """The fragments of `within` that hold more than harmless words; `known` are spans that were read, amounts among
    them. `days` are dates that nobody reads: a figure in them is no count."""
    found = []
    for start, end in _gaps(known, within):
        for a, b in _fragments(text, start, end):
            one = _leftover(text, a, b, amounts, days)
            if one is not None:
                found.append(one)
    return tuple(found)


def orders(text: str, known: Sequence[Span], within: Span) -> tuple[Leftover, ...]:
    """In text that is not about the invoice alone only what looks like an order is a leftover."""
    found = []
    for start, end in _gaps(known, within):
        for a, b in _fragments(text, start, end):
            if _ORDERS.search(text[a:b]):
                found.append(Leftover(a, b, text[a:b], figure=False))
    return tuple(found)


def _gaps(known: Sequence[Span], within: Span) -> Iterator[Span]:
    at = within[0]
    for start, end in sorted(known):
        if start > at:
            yield at, min(start, within[1])
        at = max(at, end)
        if at >= within[1]:
            return
    yield at, within[1]


def _fragments(text: str, start: int, end: int) -> Iterator[Span]:
    """Stretches without punctuation, trimmed."""
    at = start
    for match in [*_BREAK.finditer(text, start, end), None]:
        stop = end if match is None else match.start()
        raw = text[at:stop]
        if raw.strip():
            yield at + len(raw) - len(raw.lstrip()), stop - (len(raw) - len(raw.rstrip()))
        at = end if match is None else match.end()


def _leftover(text: str, start: int, end: int, amounts: Sequence[Span], days: Sequence[Span]) -> Leftover | None:
    raw = text[start:end]
    words = [word.group().casefold() for word in _WORD.finditer(raw)]
    after = any(b <= start and not text[b:start].strip() for _, b in amounts)
    before = any(end <= a and not text[end:a].strip() for a, _ in amounts)
    dashed = any((b == start and raw[0] in "-–—") or (end == a and raw[-1] in "-–—") for a, b in amounts)
    bare = _NO_FIGURE.sub(" ", _without(text, start, end, days))
    figure = bool(
        dashed or _OPERATOR.search(bare) or not _FIGURES.isdisjoint(words) or any(_fraction(ch) for ch in raw)
    )
    if not figure and all(word in _HARMLESS for word in words):
        return None
    beside = (after and words[:1] != [] and words[0] not in _HARMLESS | _CONNECTS) or (
        before and words[-1:] != [] and words[-1] not in _HARMLESS
    )
    return Leftover(start, end, raw, figure, beside)


def _without(text: str, start: int, end: int, days: Sequence[Span]) -> str:
    kept = list(text[start:end])
    for a, b in days:
        for at in range(max(a, start), min(b, end)):
            kept[at - start] = " "
    return "".join(kept)


def _fraction(ch: str) -> bool:
    """A fraction or another sign that counts: "½"."""
    return not ch.isascii() and unicodedata.numeric(ch, None) is not None


def quoted(text: str, found: Leftover, amount: Span | None) -> str:
    """The words as they stand, with the amount where they touch it: "10h á 30 EUR"."""
    if amount is None:
        return found.text
    if found.end <= amount[0] and not text[found.end : amount[0]].strip():
        return text[found.start : amount[1]].strip()
    if amount[1] <= found.start and not text[amount[1] : found.start].strip():
        return text[amount[0] : found.end].strip()
    return found.text
