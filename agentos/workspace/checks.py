"""What a type can't say about the operator's files: checksums, time zones, patterns, shares that add up."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from decimal import Decimal
from zoneinfo import ZoneInfo

from pydantic import BaseModel

from agentos.workspace.lines import Key
from agentos.workspace.model import Address, Business, Client, Configuration, InvoiceSettings
from agentos.workspace.patterns import may_coincide, pattern_fault
from agentos.workspace.tax_ids import tax_number_fault, vat_id_fault

Found = tuple[Key, str, str]
"""(key, what is wrong, what was expected)"""

_EMAIL = re.compile(r"[^@\s<>,;]+@[^@\s<>,;]+\.[^@\s<>,;.]+")


def configuration_faults(configuration: Configuration) -> Iterator[Found]:
    for key, message, expected in _business_faults(configuration.business):
        yield ("business", *key), message, expected
    mail = configuration.mail.from_address
    if mail is not None and not is_mail(mail):
        yield ("mail", "from_address"), "is not a mail address.", "Expected something like: name@example.com"
    for name in ("overnight_from", "overnight_to"):
        if not re.fullmatch(r"(?:[01]\d|2[0-3]):[0-5]\d", getattr(configuration.hours, name)):
            yield ("hours", name), "is not a time of day.", 'Expected hours and minutes such as: "22:00"'
    if not re.fullmatch(r"https?://[^\s/]+(?:/\S*)?", configuration.site.url):
        yield ("site", "url"), "is not a web address.", "Expected something like: https://example.com/"
    for tier in ("small", "large", "local"):
        for index, endpoint in enumerate(getattr(configuration.models, tier)):
            if endpoint.base_url is not None and not re.fullmatch(r"https?://\S+", endpoint.base_url):
                yield (
                    ("models", tier, index, "base_url"),
                    "is not a web address.",
                    "Expected: http://127.0.0.1:11434/v1",
                )
            if endpoint.api_key_env is not None and not re.fullmatch(
                r"[A-Za-z_][A-Za-z0-9_]{0,60}", endpoint.api_key_env
            ):
                yield (
                    ("models", tier, index, "api_key_env"),
                    "is not the name of a variable.",
                    "Never write the key itself here.",
                )


def _hidden_faults(settings: BaseModel) -> Iterator[Found]:
    """One-line texts stand on invoices, in XML and in the books: what can't be seen there must not be in them."""
    for name, value in settings:
        if isinstance(value, Address):
            yield from (((name, *key), message, expected) for key, message, expected in _hidden_faults(value))
        texts = [value] if isinstance(value, str) and name not in _MANY_LINES else value if name == "aliases" else ()
        if any(unicodedata.category(ch) in _HIDDEN for text in texts for ch in text.strip()):
            yield (name,), "holds a line break, a control character or a hidden direction mark.", "Write it anew."


_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_MANY_LINES = frozenset({"notes"})


def _business_faults(business: Business) -> Iterator[Found]:
    yield from _hidden_faults(business)
    try:
        ZoneInfo(business.timezone)
    except (OSError, ValueError):  # ZoneInfoNotFoundError is a KeyError on some platforms
        yield ("timezone",), "is not a time zone.", "Expected a name such as: Europe/Berlin"
    except KeyError:
        yield ("timezone",), "is not a time zone.", "Expected a name such as: Europe/Berlin"
    if business.iban is not None and not valid_iban(business.iban):
        yield ("iban",), "is not a valid IBAN (its check digits don't fit).", "Compare it with your bank card."
    if business.tax_number is not None and (fault := tax_number_fault(business.tax_number)):
        yield ("tax_number",), f"{fault}.", "Compare it with a letter of your tax office."
    yield from _identity_faults(business.email, business.vat_id)
    yield from _pattern_faults(business.invoice)


def client_faults(client: Client) -> Iterator[Found]:
    yield from _hidden_faults(client)
    if not client.name.strip():
        yield ("name",), "is empty.", "Expected the client's name."
    yield from _identity_faults(client.email, client.vat_id)
    shares = sum((part.share for part in client.schedule), Decimal(0))
    if client.schedule and shares != 100:
        yield ("schedule",), f"has shares that add up to {shares}, not 100.", "Expected shares in percent of the whole."
    if client.vat == "reverse_charge" and client.vat_id is None:
        yield ("vat",), "is reverse_charge, which needs the client's VAT id.", 'Add: vat_id = "..."'


def _identity_faults(email: str | None, vat_id: str | None) -> Iterator[Found]:
    if email is not None and not is_mail(email):
        yield ("email",), "is not a mail address.", "Expected something like: name@example.com"
    if vat_id is not None and (fault := vat_id_fault(vat_id)):
        yield ("vat_id",), f"is not a VAT id: it {fault}.", "Expected a country code and digits, such as: DE123456789"


def _pattern_faults(settings: InvoiceSettings) -> Iterator[Found]:
    faulty = False
    for name in ("pattern", "credit_note_pattern"):
        if problem := pattern_fault(getattr(settings, name)):
            faulty = True
            yield ("invoice", name), problem, 'Expected something like: "{year}-{number:04}"'
    if not faulty and may_coincide(settings.pattern, settings.credit_note_pattern):
        written = "credit_note_pattern" in settings.model_fields_set
        yield (
            ("invoice", "credit_note_pattern" if written else "pattern"),
            "lets an invoice and a credit note have the same number, so no invoice could be credited.",
            f'Add letters to one of them: credit_note_pattern = "CN-{settings.pattern}"',
        )


def is_mail(text: str) -> bool:
    return _EMAIL.fullmatch(text) is not None


def valid_iban(iban: str) -> bool:
    """ISO 13616: four characters moved to the end, letters as numbers from 10, the remainder by 97 is 1."""
    compact = iban.replace(" ", "").upper()
    if not re.fullmatch(r"[A-Z]{2}\d{2}[A-Z0-9]{11,30}", compact):
        return False
    return int("".join(str(int(ch, 36)) for ch in compact[4:] + compact[:4])) % 97 == 1
