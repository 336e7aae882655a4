"""Which VAT stands on an invoice: read from the client's file and the business, never guessed from countries."""

from __future__ import annotations

import re

from agentos.effects.invoice.document import Category, Vat
from agentos.effects.invoice.identity import gap
from agentos.effects.invoice.words import REASONS, language_of
from agentos.intents.words import word_set
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


EU = word_set("AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK")
_PREFIXES = {"EL": "GR", "XI": "GB"}
"""Prefixes of VAT ids that are no country's code: Greece, Northern Ireland."""


def doubts(business: Business, client: Client) -> list[str]:
    """Sentences on what country, VAT id and VAT category say against each other; the operator decides, not this."""
    found = []
    country = client.address.country if client.address else None
    home = business.address.country if business.address else None
    prefix = (client.vat_id or "").replace(" ", "")[:2].upper()
    said = _PREFIXES.get(prefix, prefix)
    if country and said and said != country:
        found.append(f"{client.id} is in {country}, but the VAT id begins with {prefix}.")
    if client.vat == "reverse_charge":
        if said and said not in EU and prefix != "XI":
            found.append(f"Reverse charge needs a VAT id of an EU country; {client.id}'s begins with {prefix}.")
        if country and country not in EU and prefix != "XI":
            found.append(f"{client.id} is in {country}, outside the EU: the EU's reverse charge does not reach there.")
        if country and country == home:
            found.append(f"{client.id} is in {country} like you: reverse charge is for another EU country.")
    if client.vat in ("standard", "reduced") and not business.small_business and country and home and country != home:
        if country not in EU:
            found.append(f"{client.id} is in {country}, outside the EU, and is charged VAT.")
        elif client.vat_id:
            found.append(f"{client.id} has a VAT id of another EU country and is charged VAT: reverse charge is usual.")
    rate = client.vat_rate or business.vat_rate
    if client.vat == "standard" and business.vat_rate is not None and rate != business.vat_rate:
        found.append(f"{client.id} is charged {rate} % as the standard rate; yours is {business.vat_rate} %.")
    if client.vat == "outside_scope" and country and country == home:
        found.append(f"{client.id} is in {country} like you, but marked as outside the scope of VAT.")
    return found


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
