"""The words on an invoice, and dates and amounts as its language writes them. English stands in for the rest."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Literal

from agentos.money import Money

Language = Literal["de", "en"]

WORDS: dict[Language, dict[str, str]] = {
    "en": {
        "invoice": "Invoice",
        "credit_note": "Credit note",
        "number": "Invoice no.",
        "note_number": "Credit note no.",
        "date": "Date",
        "delivered": "Date of supply",
        "client_vat": "Your VAT ID",
        "due": "Due date",
        "for_invoice": "For invoice",
        "of": "of",
        "item": "Description",
        "quantity": "Qty",
        "price": "Unit price",
        "amount": "Amount",
        "net": "Net total",
        "vat": "VAT",
        "no_vat": "VAT",
        "total": "Total",
        "credit": "Total credit",
        "pay": "Payment",
        "pay_by": "Please pay {amount} by {date}.",
        "pay_parts": "Please pay in these parts:",
        "part": "Part {n}",
        "by": "by {date}",
        "reference": "Reference",
        "account": "Account holder",
        "bank": "Bank",
        "credited": "This credit note cancels invoice {number} of {date} in full. The amount is set off or paid back.",
        "tax_number": "Tax no.",
        "vat_id": "VAT ID",
        "page": "Page {n} of {total}",
        "mail": "E-mail",
        "phone": "Phone",
    },
    "de": {
        "invoice": "Rechnung",
        "credit_note": "Stornorechnung",
        "number": "Rechnungsnr.",
        "note_number": "Belegnr.",
        "date": "Datum",
        "delivered": "Leistungsdatum",
        "client_vat": "Ihre USt-IdNr.",
        "due": "Fällig am",
        "for_invoice": "Zur Rechnung",
        "of": "vom",
        "item": "Beschreibung",
        "quantity": "Menge",
        "price": "Einzelpreis",
        "amount": "Betrag",
        "net": "Summe netto",
        "vat": "USt.",
        "no_vat": "USt.",
        "total": "Gesamtbetrag",
        "credit": "Gutschriftsbetrag",
        "pay": "Zahlung",
        "pay_by": "Bitte zahlen Sie {amount} bis zum {date}.",
        "pay_parts": "Bitte zahlen Sie in Teilen:",
        "part": "Teil {n}",
        "by": "bis zum {date}",
        "reference": "Verwendungszweck",
        "account": "Kontoinhaber",
        "bank": "Bank",
        "credited": "Diese Stornorechnung hebt die Rechnung {number} vom {date} vollständig auf. "
        "Der Betrag wird verrechnet oder erstattet.",
        "tax_number": "Steuernr.",
        "vat_id": "USt-IdNr.",
        "page": "Seite {n} von {total}",
        "mail": "E-Mail",
        "phone": "Telefon",
    },
}

# Why no VAT is charged, where the client's file leaves the wording to us.
REASONS: dict[str, dict[Language, str]] = {
    "AE": {
        "en": "Reverse charge: VAT is due from the recipient of the service.",
        "de": "Steuerschuldnerschaft des Leistungsempfängers (Reverse Charge).",
    },
    "O": {"en": "Outside the scope of VAT.", "de": "Nicht steuerbare Leistung."},
    "small": {
        "en": "No VAT is charged: exempt under the small business scheme.",
        "de": "Kein Ausweis von Umsatzsteuer: Steuerbefreiung für Kleinunternehmer.",
    },
    "small:DE": {
        "en": "No VAT is charged: small business exemption (§ 19 UStG).",
        "de": "Kein Ausweis von Umsatzsteuer: Steuerbefreiung für Kleinunternehmer (§ 19 UStG).",
    },
}


def language_of(code: str) -> Language:
    return "de" if code.lower().startswith("de") else "en"


def locale_of(language: Language) -> str:
    return "de_DE" if language == "de" else "en_GB"


def day(value: date, language: Language) -> str:
    """ "23 November 2026", "23. November 2026"."""
    from babel.dates import format_date

    return format_date(value, "long", locale=locale_of(language))


def money(value: Money, language: Language) -> str:
    """ "€1,428.00", "1.428,00 €"."""
    from babel.numbers import format_currency

    return format_currency(value.rounded().amount, value.currency, locale=locale_of(language))


def figure(value: Decimal, language: Language, places: int = 0) -> str:
    """A number with at least `places` decimals and at most six."""
    from babel.numbers import format_decimal

    return format_decimal(value, format=f"#,##0.{'0' * places}{'#' * (6 - places)}", locale=locale_of(language))
