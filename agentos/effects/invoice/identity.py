"""What must be known of seller and buyer before an invoice is written, asked one by one, and answers read back in.

Slots are named after the file and key they stand for: "business.iban", "client.address".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from agentos.errors import Missing
from agentos.workspace.model import Address, Business, Client

_ADDRESS = "Write it as: street, postcode city, country code (Hauptstr. 5, 10115 Berlin, DE)."
_HINTS = {
    "business.address": _ADDRESS,
    "business.vat_id": "Give your VAT id (DE123456789), or your tax number.",
    "business.iban": "Give the IBAN to be paid to; its check digits must be right.",
    "business.vat_rate": "Give your VAT rate in percent (19), or 'none' if you are exempt as a small business.",
    "client.address": _ADDRESS,
    "client.email": "Give the address the invoice goes to.",
    "client.vat_id": "Give the client's VAT id.",
    "client.vat_rate": "Give the reduced VAT rate in percent (7).",
    "client.exemption_reason": "Give the reason as it is to stand on the invoice.",
}


def lacking(business: Business, client: Client) -> Missing | None:
    """The first thing that every invoice needs and that is not there or not right. VAT is looked after by `vat_of`."""
    checks = {
        "business.address": business.address is not None,
        "business.vat_id": bool(business.vat_id or business.tax_number),
        "business.iban": business.iban is not None and iban_is_right(business.iban),
        "client.address": client.address is not None,
        "client.email": _is_mail(client.email or ""),
    }
    wanting = next((slot for slot, right in checks.items() if not right), None)
    return gap(wanting, client) if wanting else None


def gap(slot: str, client: Client) -> Missing:
    """The error that names file and key, and how to answer."""
    side, _, key = slot.partition(".")
    where = f"agentos.toml, [business] {key}" if side == "business" else f"clients/{client.id}.toml, {key}"
    return Missing(slot, where=where, hint=_HINTS[slot])


def answered(business: Business, client: Client, answers: Mapping[str, str]) -> tuple[Business, Client]:
    """Both with the operator's answers in place. An answer that can't be read leaves the gap, so it is asked again."""
    for slot, text in answers.items():
        side, _, _key = slot.partition(".")
        reader = _READERS.get(slot)
        values = reader(text.strip()) if reader and text.strip() else None
        if values and side == "business":
            business = business.model_copy(update=values)
        elif values:
            client = client.model_copy(update=values)
    return business, client


def iban_is_right(iban: str) -> bool:
    """ISO 13616: country, two check digits, and the whole leaves 1 modulo 97."""
    bare = iban.replace(" ", "").upper()
    if not re.fullmatch(r"[A-Z]{2}\d{2}[A-Z0-9]{11,30}", bare):
        return False
    return int("".join(str(int(character, 36)) for character in bare[4:] + bare[:4])) % 97 == 1


def _is_mail(text: str) -> bool:
    return re.fullmatch(r"[^@\s]+@[^@\s]+", text) is not None


def _address(text: str) -> dict[str, Any] | None:
    match = re.fullmatch(r"(.+?),\s*(\S*\d\S*(?: \d?[A-Z]{2,3})?)\s+([^,]+),\s*([A-Za-z]{2})", text)
    if match is None:
        return None
    return {"address": Address(street=match[1], postcode=match[2], city=match[3].strip(), country=match[4].upper())}


def _tax_id(text: str) -> dict[str, Any]:
    return {"vat_id" if re.match(r"[A-Z]{2}[ \w]", text) else "tax_number": text}


def _percent(text: str) -> Decimal | None:
    try:
        value = Decimal(text.rstrip("% ").replace(",", "."))
    except InvalidOperation:
        return None
    return value if 0 < value <= 100 else None


def _business_rate(text: str) -> dict[str, Any] | None:
    if text.casefold() in {"none", "keine", "keiner", "0"}:
        return {"small_business": True}
    rate = _percent(text)
    return {"vat_rate": rate} if rate is not None else None


def _client_rate(text: str) -> dict[str, Any] | None:
    rate = _percent(text)
    return {"vat_rate": rate} if rate is not None else None


_READERS: dict[str, Callable[[str], dict[str, Any] | None]] = {
    "business.address": _address,
    "business.vat_id": _tax_id,
    "business.iban": lambda text: {"iban": text} if iban_is_right(text) else None,
    "business.vat_rate": _business_rate,
    "client.address": _address,
    "client.email": lambda text: {"email": text} if _is_mail(text) else None,
    "client.vat_id": lambda text: {"vat_id": text},
    "client.vat_rate": _client_rate,
    "client.exemption_reason": lambda text: {"exemption_reason": text},
}
