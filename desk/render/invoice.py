"""What an approval of an invoice binds, in lines for the card: the work, the terms, the VAT and why, buyer, account."""

from __future__ import annotations

from typing import Any

from desk.render.style import line, wrapped

Json = dict[str, Any]
_CATEGORIES = {"S": "", "E": "exempt", "AE": "reverse charge", "O": "outside the scope of VAT"}
INDENT = "     "


def invoice_lines(payload: Json, width: int) -> list[str]:
    """Nothing where the payload is no invoice; the net and gross sums stand on the card already."""
    if not {"lines", "buyer", "vat", "account"} <= payload.keys():
        return []
    facts = [
        *(f"for: {line(one['description'])}" for one in payload["lines"]),
        f"to pay: {terms(payload)}, to {line(payload['account']['iban'])}",
        _vat(payload["vat"]),
        f"buyer: {buyer(payload['buyer'])}",
    ]
    return [text for fact in facts for text in wrapped(fact, width, INDENT, f"{INDENT}  ")]


def terms(payload: Json) -> str:
    """A day that was named, parts that were agreed, or days after the invoice's date, which is assigned last."""
    if payload.get("due"):
        return f"by {line(payload['due'])}"
    parts = [f"{line(part['share'])} % {_within(part['days'])}" for part in payload.get("schedule") or ()]
    return ", ".join(parts) if parts else _within(payload.get("days", 14))


def _within(days: int) -> str:
    return f"within {days} days of the invoice's date" if days else "on the invoice's date"


def _vat(vat: Json) -> str:
    rate = f"{float(vat.get('rate', 0)):g} %"
    if vat["category"] == "S":
        return f"VAT: {rate}"
    why = ": ".join(line(text) for text in (_CATEGORIES.get(vat["category"]), vat.get("reason")) if text)
    return f"VAT: none, {why}"


def buyer(party: Json) -> str:
    """Name, address and VAT id in one line, as they are printed."""
    at = party["address"]
    parts = [party["name"], at["street"], f"{at['postcode']} {at['city']}", at["country"]]
    if party.get("vat_id"):
        parts.append(f"VAT id {party['vat_id']}")
    return ", ".join(line(part) for part in parts)
