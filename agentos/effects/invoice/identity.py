"""What must be known of seller and buyer before an invoice is written, asked one by one, and answers read back in.

Slots are named after the file and key they stand for: "business.iban", "client.address".
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from agentos.errors import Missing
from agentos.workspace.checks import is_mail, valid_iban
from agentos.workspace.model import Address, Business, Client
from agentos.workspace.tax_ids import compact, tax_number_fault, vat_id_fault

Values = dict[str, Any]

_ADDRESS = "Write it as: street, postcode city, country code (Hauptstr. 5, 10115 Berlin, DE)."
_HINTS = {
    "business.name": "Give the name that your invoices are written in.",
    "business.address": _ADDRESS,
    "business.email": "Give your mail address: it stands on the invoice, and the mail comes from it.",
    "business.vat_id": "Give your VAT id (DE123456789), or your tax number.",
    "business.iban": "Give the IBAN to be paid to; its check digits must be right.",
    "business.vat_rate": "Give your VAT rate in percent (19), or 'none' if you are exempt as a small business.",
    "client.address": _ADDRESS,
    "client.email": "Give the address the invoice goes to.",
    "client.vat_id": "Give the client's VAT id.",
    "client.vat_rate": "Give the reduced VAT rate in percent (7).",
    "client.exemption_reason": "Give the reason as it is to stand on the invoice.",
}


class UnreadableError(ValueError):
    """An answer that can't be taken; its text says why, after the answer itself: "is not a mail address"."""


def lacking(business: Business, client: Client) -> Missing | None:
    """The first thing that every invoice needs and that is not there or not right. VAT is looked after by `vat_of`."""
    checks = {
        "business.name": bool(business.name),
        "business.address": business.address is not None,
        "business.email": is_mail(business.email or ""),
        "business.vat_id": bool(business.vat_id or business.tax_number),
        "business.iban": business.iban is not None and valid_iban(business.iban),
        "client.address": client.address is not None,
        "client.email": is_mail(client.email or ""),
    }
    wanting = next((slot for slot, right in checks.items() if not right), None)
    return gap(wanting, client) if wanting else None


def gap(slot: str, client: Client) -> Missing:
    """The error that names file and key, and how to answer."""
    side, _, key = slot.partition(".")
    where = f"agentos.toml, [business] {key}" if side == "business" else f"clients/{client.id}.toml, {key}"
    return Missing(slot, where=where, hint=_HINTS[slot])


def answered(business: Business, client: Client, answers: Mapping[str, str]) -> tuple[Business, Client, dict[str, str]]:
    """Both with the operator's answers in place, and by slot why an answer could not be taken: it leaves the gap, so
    that it is asked again."""
    refused: dict[str, str] = {}
    for slot, text in answers.items():
        try:
            values = read_answer(slot, text)
        except UnreadableError as why:
            refused[slot] = f"“{text.strip()[:60]}” {why}."
            continue
        if values and slot.startswith("business."):
            business = business.model_copy(update=values)
        elif values:
            client = client.model_copy(update=values)
    return business, client, refused


def known_before(business: Business, client: Client, answers: Mapping[str, str]) -> tuple[Business, Client, list[str]]:
    """Both with earlier answers where the files leave a gap, and the slots that were filled so."""
    used = []
    for slot, text in answers.items():
        side: Business | Client = business if slot.startswith("business.") else client
        try:
            values = read_answer(slot, text)
        except UnreadableError:
            continue
        if not values or not all(is_open(side, key) for key in values):
            continue
        used.append(slot)
        if side is business:
            business = business.model_copy(update=values)
        else:
            client = client.model_copy(update=values)
    return business, client, used


def is_open(side: Business | Client, key: str) -> bool:
    """Whether the files leave it to be answered. A rate is settled by either of its two ways of being said."""
    if isinstance(side, Business) and key in ("vat_rate", "small_business"):
        return side.vat_rate is None and not side.small_business
    return getattr(side, key) in (None, "")


def read_answer(slot: str, text: str) -> Values:
    """The answer as values of the business's or the client's fields; {} for a slot that is not about who they are.
    Raises UnreadableError."""
    reader = _READERS.get(slot)
    return reader(" ".join(text.split())) if reader and text.strip() else {}


def toml_lines(values: Values) -> list[str]:
    """The values as lines to put under [business] of agentos.toml, or into the client's file."""
    return [f"{key} = {_toml(value)}" for key, value in values.items()]


def _toml(value: Any) -> str:
    if isinstance(value, Address):
        return "{ " + ", ".join(f"{key} = {_toml(text)}" for key, text in value) + " }"
    if isinstance(value, bool | Decimal):
        return str(value).lower()
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "")


def _name(text: str) -> Values:
    if len(text) > 200 or not re.search(r"[^\W\d_]", text):
        raise UnreadableError("is not a name")
    return {"name": text}


def _mail(text: str) -> Values:
    if not is_mail(text):
        raise UnreadableError("is not a mail address")
    return {"email": text}


def _iban(text: str) -> Values:
    if not valid_iban(text):
        raise UnreadableError("is not a valid IBAN (its check digits don't fit)")
    return {"iban": text}


def _address(text: str) -> Values:
    match = re.fullmatch(r"(.+?),\s*(\S*\d\S*(?: \d?[A-Z]{2,3})?)\s+([^,]+),\s*([A-Za-z]{2})", text)
    if match is None:
        raise UnreadableError("can't be read as an address")
    return {"address": Address(street=match[1], postcode=match[2], city=match[3].strip(), country=match[4].upper())}


def _vat_id(text: str) -> Values:
    if fault := vat_id_fault(text):
        raise UnreadableError(f"is not a VAT id: it {fault}")
    return {"vat_id": compact(text)}


def _tax_id(text: str) -> Values:
    """What begins with two letters is read as a VAT id: a slip in one is no tax number."""
    if not vat_id_fault(text):
        return {"vat_id": compact(text)}
    lettered = re.match(r"[A-Za-z]{2}", text) is not None
    if not lettered and not tax_number_fault(text):
        return {"tax_number": text}
    if lettered and "@" not in text and re.search(r"\d{2}", text):
        return _vat_id(text)
    raise UnreadableError("is neither a VAT id (DE123456789) nor a tax number (12/345/67890)")


def _percent(text: str) -> Decimal:
    try:
        value = Decimal(text.rstrip("% ").replace(",", "."))
    except InvalidOperation:
        raise UnreadableError("is not a rate in percent") from None
    if not 0 < value <= 100:
        raise UnreadableError("is not a rate between 0 and 100 percent")
    return value


def _business_rate(text: str) -> Values:
    if text.casefold() in {"none", "keine", "keiner", "0"}:
        return {"small_business": True}
    return {"vat_rate": _percent(text)}


_READERS: dict[str, Callable[[str], Values]] = {
    "business.name": _name,
    "business.address": _address,
    "business.email": _mail,
    "business.vat_id": _tax_id,
    "business.iban": _iban,
    "business.vat_rate": _business_rate,
    "client.address": _address,
    "client.email": _mail,
    "client.vat_id": _vat_id,
    "client.vat_rate": lambda text: {"vat_rate": _percent(text)},
    "client.exemption_reason": lambda text: {"exemption_reason": text},
}
