"""Country, VAT id and VAT category must not speak against each other without a card."""

from __future__ import annotations

import pytest

from agentos.effects.invoice.taxation import doubts
from agentos.workspace.model import Address, Business, Client


def at(country: str) -> Address:
    return Address(street="S 1", postcode="1", city="C", country=country)


HOME = Business(name="Lang", address=at("DE"), vat_id="DE123456788", vat_rate=19)


@pytest.mark.parametrize(
    ("country", "vat", "vat_id", "rate", "word"),
    [
        ("US", "reverse_charge", "XX99", None, "outside the EU"),
        ("US", "reverse_charge", "XX99", None, "begins with XX"),
        ("US", "standard", None, 3, "outside the EU"),
        ("US", "standard", None, 3, "yours is 19 %"),
        ("DE", "standard", None, 3, "yours is 19 %"),
        ("DE", "reverse_charge", "DE123456788", None, "like you"),
        ("FR", "standard", "FR12345678901", None, "reverse charge is usual"),
        ("FR", "reverse_charge", "DE123456788", None, "begins with DE"),
        ("DE", "outside_scope", None, None, "like you"),
    ],
)
def test_what_does_not_fit_together_is_said(
    country: str, vat: str, vat_id: str | None, rate: int | None, word: str
) -> None:
    client = Client.model_validate(
        {"id": "c", "name": "C", "address": at(country), "vat": vat, "vat_id": vat_id, "vat_rate": rate}
    )
    assert any(word in text for text in doubts(HOME, client))


@pytest.mark.parametrize(
    ("country", "vat", "vat_id"),
    [
        ("DE", "standard", "DE123456788"), ("DE", "standard", None), ("DE", "exempt", None), ("DE", "reduced", None),
        ("IE", "reverse_charge", "IE1234567T"), ("GR", "reverse_charge", "EL123456789"), ("FR", "standard", None),
        ("GB", "reverse_charge", "XI123456789"), ("US", "outside_scope", None),
    ],
)  # fmt: skip
def test_what_fits_needs_no_card(country: str, vat: str, vat_id: str | None) -> None:
    client = Client.model_validate({"id": "c", "name": "C", "address": at(country), "vat": vat, "vat_id": vat_id})
    assert doubts(HOME, client) == []
