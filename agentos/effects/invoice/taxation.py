"""Which VAT stands on an invoice: read from the client's file and the business, never guessed from countries."""

from __future__ import annotations

import re

from agentos.effects.invoice.document import Category, Vat
from agentos.effects.invoice.identity import gap
from agentos.effects.invoice.words import REASONS, language_of
from agentos.workspace.model import Business, Client

_CODED = re.compile(r"(VATEX-[A-Z]{2}-[A-Z0-9-]+)[:\s]*(.*)", re.DOTALL)
_CODES: dict[Category, str] = {"AE": "VATEX-EU-AE", "O": "VATEX-EU-O"}


def vat_of(business: Business, client: Client, language: str) -> Vat:
    """The VAT category, rate and reason. Raises Missing (`what` is "client.vat_rate" and the like) for what is not set.

    A small business charges no VAT, unless the client's file says reverse charge or outside the scope. An
    `exemption_reason` may begin with a code of the VATEX list: "VATEX-EU-132-1I Education".
    """
    if client.vat == "reverse_charge":
        return _reverse_charge(business, client, language)
    if client.vat == "outside_scope":
        return _unrated("O", client.exemption_reason, language)
    if business.small_business:
        home = f"small:{business.address.country}" if business.address else "small"
        return _unrated("E", client.exemption_reason, language, home if home in REASONS else "small")
    if client.vat == "exempt":
        if not client.exemption_reason:
            raise gap("client.exemption_reason", client)
        return _unrated("E", client.exemption_reason, language)
    if client.vat == "reduced" and client.vat_rate is None:
        raise gap("client.vat_rate", client)
    rate = client.vat_rate if client.vat_rate is not None else business.vat_rate
    if rate is None:
        raise gap("business.vat_rate", client)
    return Vat(category="S", rate=rate)


def _reverse_charge(business: Business, client: Client, language: str) -> Vat:
    if not client.vat_id:
        raise gap("client.vat_id", client)
    if not business.vat_id:
        raise gap("business.vat_id", client)
    return _unrated("AE", client.exemption_reason, language)


def _unrated(category: Category, reason: str | None, language: str, default: str = "") -> Vat:
    code, text = _CODES.get(category), reason
    coded = _CODED.fullmatch(reason or "")
    if coded:
        code, text = coded[1], coded[2] or None
    if not text and (default or category in REASONS):
        text = REASONS[default or category][language_of(language)]
    return Vat(category=category, reason=text, code=code)
