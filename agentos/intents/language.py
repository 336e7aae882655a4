"""Which of the languages the rules know a text is written in."""

from __future__ import annotations

import re
from typing import Literal

from agentos.intents.words import word_set

Language = Literal["en", "de", "unknown"]

_EN = word_set(
    """
    a about after all also an and any are as ask at be before bill blog book brief but by can charge client
    create customer do don't draft due each edit email every find for friday from get give good has have help
    her his house how i in invoice invoices is it its june july last let's letter list look mail make march may
    me meeting monday month more my need net new next no not of older on one or our out overview pay payment
    please post prepare produce publish reply report research saturday schedule send short should summarise
    summarize summary sunday tell than that the their them then there this through thursday to today tomorrow
    topic tuesday two until up us use vat was we wednesday week what when where which who why will with within
    without work workshop write year you your
    """
)
_DE = word_set(
    """
    ab aber alle als altbau an auf aus bei beitrag bis bitte blogbeitrag brutto das dass dem den der des die
    dienstag dieser dieses diese donnerstag du ein eine einem einen einer eines erstelle es freitag für gib
    haben heute ich ihr im in ist kann kein keine kunde kunden mach mache mehr mein meine mir mit mittwoch
    mittwoch monat montag morgen nach nächsten nächste netto neue nicht noch nur ob oder ohne prüfe rechnung
    samstag schicke schick schreib schreibe sende sich sie sind sonntag stell stelle tage tagen thema über um
    und uns unser unsere veröffentliche verfasse vom von vor war warum was welche wenn wer wie wir wird wissen
    woche zu zum zur zusammenfassung
    """
)
COMMON = (
    _EN
    | _DE
    | word_set(
        """
    euro euros gross over at from owes fakturiere berechne zahlbar fällig inkl zzgl plus minus then said says wants
    needs paid pay hat will zahlt owe owed earn spend cost schuldet schulden noch offen dear hello hallo hi liebe lieber
    betrag amount total summe sofort urgent asap again
    wieder today's january february march april may june july august september october november december
    """
    )
)
"""Words that are no part of a name."""

_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")


def detect(text: str) -> Language:
    """The language with more of its commonest words in the text; "unknown" when neither has any or they draw level."""
    words = [word.lower().replace("’", "'") for word in _WORD.findall(text)]
    english = sum(word in _EN for word in words)
    german = sum(word in _DE for word in words) + sum(any(ch in "äöüß" for ch in word) for word in words) / 2
    # A long text in a third language shares a word or two with English and German ("in", "an", "des").
    if english == german or max(english, german) < len(words) / 10:
        return "unknown"
    return "en" if english > german else "de"
