"""Whether a text can be a VAT id or a tax number: by its form only, nobody is asked whether it was issued."""

from __future__ import annotations

import re

_EU = {
    "AT": r"U\d{8}",
    "BE": r"[01]\d{9}",
    "BG": r"\d{9,10}",
    "CY": r"\d{8}[A-Z]",
    "CZ": r"\d{8,10}",
    "DE": r"\d{9}",
    "DK": r"\d{8}",
    "EE": r"\d{9}",
    "EL": r"\d{9}",
    "ES": r"(?:[A-Z]\d{7}[0-9A-Z]|\d{8}[A-Z])",
    "FI": r"\d{8}",
    "FR": r"[0-9A-HJ-NP-Z]{2}\d{9}",
    "HR": r"\d{11}",
    "HU": r"\d{8}",
    "IE": r"(?:\d{7}[A-W][A-I]?|\d[A-Z+*]\d{5}[A-W])",
    "IT": r"\d{11}",
    "LT": r"(?:\d{9}|\d{12})",
    "LU": r"\d{8}",
    "LV": r"\d{11}",
    "MT": r"\d{8}",
    "NL": r"[0-9A-Z+*]{10}\d{2}",
    "PL": r"\d{10}",
    "PT": r"\d{9}",
    "RO": r"\d{2,10}",
    "SE": r"\d{10}01",
    "SI": r"\d{8}",
    "SK": r"\d{10}",
    "XI": r"(?:\d{9}|\d{12}|(?:GD|HA)\d{3})",
}
"""What follows the country code, as VIES takes it (europa.eu, VIES, question 11). Greece is EL there."""
_NEAR = {
    "CH": r"E?\d{9}(?:MWST|TVA|IVA)?",
    "GB": r"(?:\d{9}|\d{12}|(?:GD|HA)\d{3})",
    "LI": r"\d{5,9}",
    "NO": r"\d{9}(?:MVA)?",
}
_FORMS = _EU | _NEAR
_ELSEWHERE = r"(?=(?:[A-Z]*\d){5})[0-9A-Z]{5,15}"
"""What any other country may have: at least five digits."""
_OTHERS = """
AD AE AF AG AI AL AM AO AR AS AU AW AX AZ BA BB BD BF BH BI BJ BM BN BO BR BS BT BW BY BZ CA CD CF CG CI CK CL CM CN
CO CR CU CV CW DJ DM DO DZ EC EG ER ET FJ FK FM FO GA GD GE GF GG GH GI GL GM GN GP GQ GT GU GW GY HK HN HT ID IL IM
IN IQ IR IS JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LK LR LS LY MA MC MD ME MG MH MK ML MM MN MO MP MQ
MR MS MU MV MW MX MY MZ NA NC NE NG NI NP NR NU NZ OM PA PE PF PG PH PK PM PR PS PW PY QA RE RS RU RW SA SB SC SD SG
SL SM SN SO SR SS ST SV SY SZ TC TD TG TH TJ TL TM TN TO TR TT TV TW TZ UA UG US UY UZ VA VC VE VG VI VN VU WF WS XK
YE YT ZA ZM ZW
"""
"""The codes of all other countries (ISO 3166-1), each apart from the next."""
_EXAMPLES = {
    "AT": "ATU12345678", "BE": "BE0123456789", "CH": "CHE123456789MWST", "CY": "CY12345678X", "EL": "EL123456789",
    "ES": "ESX1234567X", "FR": "FR12345678901", "IE": "IE1234567T", "NL": "NL123456789B01", "SE": "SE123456789001",
}  # fmt: skip


def compact(text: str) -> str:
    """Capital letters, without the spaces, dots and hyphens people write between them."""
    return re.sub(r"[\s.\-]", "", text).upper()


def vat_id_fault(text: str) -> str:
    """ "" for what can be a VAT id; otherwise what is wrong with it, and how one looks: "has no country code ..."."""
    bare = compact(text)
    country = {"GR": "EL"}.get(bare[:2], bare[:2])
    if not re.fullmatch(r"[A-Z]{2}", country):
        return "does not begin with a country code, as in DE123456789"
    form = _FORMS.get(country) or (_ELSEWHERE if country in _OTHERS else None)
    if form is None:
        return f"begins with {country}, which is no country's code"
    if re.fullmatch(form, bare[2:]):
        return ""
    return f"has not the form of {country}, as in {_example(country, form)}"


def _example(country: str, form: str) -> str:
    """One that fits: written out where letters matter, else as many digits as the form takes."""
    if country in _EXAMPLES:
        return _EXAMPLES[country]
    size = next((n for n in (9, 8, 10, 11, 12) if re.fullmatch(form, "1234567890123"[:n])), 9)
    return country + "1234567890123"[:size]


def tax_number_fault(text: str) -> str:
    """A national tax number differs from office to office: digits, perhaps letters, divided by signs."""
    if re.fullmatch(r"(?=(?:\D*\d){5})[0-9A-Za-z][0-9A-Za-z ./-]{3,24}", text.strip()):
        return ""
    return "is not a tax number: at least five digits, divided by / . or -, as in 12/345/67890"
