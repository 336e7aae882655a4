"""What stands where on the page: a document as the plain texts that `invoice.typ` places."""

from __future__ import annotations

from typing import Any

from agentos.effects.invoice.document import Document, Party
from agentos.effects.invoice.words import WORDS, day, figure, language_of, money
from agentos.money import digits

_UNITS = {"en": {"HUR": "h", "DAY": "days", "MON": "months"}, "de": {"HUR": "Std.", "DAY": "Tage", "MON": "Monate"}}


def view(document: Document) -> dict[str, Any]:
    """JSON for the template: every value is text, formatted in the document's language."""
    draft = document.draft
    language = language_of(draft.language)
    words = WORDS[language]
    seller = draft.seller
    heading = words[document.kind]
    return {
        "lang": language,
        "title": f"{heading} {draft.number}",
        "heading": heading,
        "number": draft.number,
        "year": draft.issued_on.year,
        "month": draft.issued_on.month,
        "day": draft.issued_on.day,
        "seller": {"name": seller.name, "contact": seller.contact},
        "name_scale": 1.0 if len(seller.name) <= 32 else 0.7 if len(seller.name) <= 60 else 0.5,
        "contact": [
            seller.address.street,
            f"{seller.address.postcode} {seller.address.city}",
            seller.phone,
            seller.email,
            seller.website,
        ],
        "sender": " · ".join([seller.name, seller.address.street, f"{seller.address.postcode} {seller.address.city}"]),
        "address": _address(document),
        "address_scale": 1.0 if sum(-(-len(line) // 45) for line in _address(document)) <= 6 else 0.72,
        "facts": _facts(document),
        "intro": _intro(document),
        "head": ["", words["item"], words["quantity"], words["price"], words["amount"]],
        "rows": _rows(document),
        "totals": _totals(document),
        "total": [words["credit" if draft.cancels else "total"], money(document.amounts.gross, language)],
        "notes": [draft.vat.reason] if draft.vat.reason else [],
        "payment": None if draft.cancels else _payment(document),
        "footer": _footer(document),
        "page": words["page"],
    }


def _address(document: Document) -> list[str]:
    buyer, home = document.draft.buyer, document.draft.seller.address.country
    lines = [
        buyer.name,
        *([buyer.contact] if buyer.contact else []),
        buyer.address.street,
        f"{buyer.address.postcode} {buyer.address.city}",
    ]
    if buyer.address.country != home:
        lines.append(_country(buyer, document.draft.language))
    return lines


def _country(party: Party, language: str) -> str:
    from babel import Locale

    code = party.address.country
    return str(Locale.parse(language_of(language)).territories.get(code, code)).upper()


def _facts(document: Document) -> list[tuple[str, str, bool]]:
    """Label, value, emphasised."""
    draft = document.draft
    language = language_of(draft.language)
    words = WORDS[language]
    facts = [
        (words["note_number" if draft.cancels else "number"], draft.number, True),
        (words["date"], day(draft.issued_on, language), False),
    ]
    if draft.cancels:
        facts.append((words["for_invoice"], draft.cancels.number, False))
    else:
        facts.append((words["delivered"], day(draft.delivered_on or draft.issued_on, language), False))
        if len(document.parts) == 1:
            facts.append((words["due"], day(document.due, language), True))
    if draft.buyer.vat_id:
        facts.append((words["client_vat"], draft.buyer.vat_id, False))
    return facts


def _intro(document: Document) -> str | None:
    cancels, language = document.draft.cancels, language_of(document.draft.language)
    if cancels is None:
        return None
    return WORDS[language]["credited"].format(number=cancels.number, date=day(cancels.issued_on, language))


def _rows(document: Document) -> list[list[str]]:
    draft, language = document.draft, language_of(document.draft.language)
    places = digits(draft.currency)
    rows = []
    for index, line in enumerate(draft.lines):
        unit = _UNITS[language].get(line.unit, "")
        rows.append(
            [
                str(index + 1),
                line.description,
                f"{figure(line.quantity, language)} {unit}".strip(),
                figure(round(document.unit_net(index), 4), language, places),
                figure(document.line_nets[index].amount, language, places),
            ]
        )
    return rows


def _totals(document: Document) -> list[tuple[str, str]]:
    draft, language = document.draft, language_of(document.draft.language)
    words = WORDS[language]
    rate = figure(draft.vat.rate, language)
    percent = f"{rate} %" if language == "de" else f"{rate}%"
    label = f"{words['vat']} {percent}" if draft.vat.category == "S" else words["no_vat"]
    return [(words["net"], money(document.amounts.net, language)), (label, money(document.amounts.vat, language))]


def _payment(document: Document) -> dict[str, Any]:
    draft, language = document.draft, language_of(document.draft.language)
    words = WORDS[language]
    due, gross = document.parts[0]
    single = len(document.parts) == 1
    account = [
        (words["account"], draft.seller.name),
        ("IBAN", spaced(draft.account.iban)),
        (words["bank"], draft.account.bank),
        ("BIC", draft.account.bic),
        (words["reference"], draft.number),
    ]
    return {
        "title": words["pay"],
        "text": words["pay_by"].format(amount=money(gross, language), date=day(due, language))
        if single
        else words["pay_parts"],
        "parts": []
        if single
        else [
            [words["part"].format(n=n), words["by"].format(date=day(until, language)), money(amount, language)]
            for n, (until, amount) in enumerate(document.parts, start=1)
        ],
        "account": [pair for pair in account if pair[1]],
    }


def _footer(document: Document) -> list[list[str | None]]:
    seller, account = document.draft.seller, document.draft.account
    words = WORDS[language_of(document.draft.language)]
    return [
        [seller.name, seller.contact, seller.address.street, f"{seller.address.postcode} {seller.address.city}"],
        [seller.phone, seller.email, seller.website],
        [
            f"{words['vat_id']} {seller.vat_id}" if seller.vat_id else None,
            f"{words['tax_number']} {seller.tax_number}" if seller.tax_number else None,
            f"IBAN {spaced(account.iban)}",
            f"BIC {account.bic}" if account.bic else None,
        ],
    ]


def spaced(iban: str) -> str:
    """In groups of four, as it is printed on a card."""
    bare = iban.replace(" ", "")
    return " ".join(bare[i : i + 4] for i in range(0, len(bare), 4))
