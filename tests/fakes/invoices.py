"""An invoice's payload as finance proposes it, filled in; keyword arguments replace fields."""

from __future__ import annotations

import copy
from typing import Any

SELLER = {
    "name": "Lena Brandt Text & Redaktion", "contact": "Lena Brandt", "email": "lena@brandt-text.example",
    "address": {"street": "Gärtnerstraße 12", "postcode": "20253", "city": "Hamburg", "country": "DE"},
    "phone": "+49 40 1234567", "website": "brandt-text.example", "vat_id": "DE123456789", "tax_number": "22/123/45678",
}  # fmt: skip
BUYER = {
    "name": "Acme Studio GmbH", "contact": "Jo Müller", "email": "billing@acme.example",
    "address": {"street": "Hauptstr. 5", "postcode": "10115", "city": "Berlin", "country": "DE"},
}  # fmt: skip


def payload(**changes: Any) -> dict[str, Any]:
    base: dict[str, Any] = {
        "number": "2026-0042",
        "issued_on": "2026-11-23",
        "client": "acme-studio",
        "language": "en",
        "currency": "EUR",
        "basis": "net",
        "seller": SELLER,
        "buyer": BUYER,
        "account": {"iban": "DE89370400440532013000", "bic": "COBADEFFXXX", "bank": "Commerzbank"},
        "lines": [{"description": "Blog post: heat pumps for older houses", "unit_price": "1200"}],
        "vat": {"category": "S", "rate": "19"},
        "days": 14,
    }
    return copy.deepcopy(base) | changes
