"""Beancount text: entries written, entries found again, accounts named, strings quoted. No file is touched here.

The format is that of https://beancount.github.io/docs/beancount_language_syntax.html; beancount itself is GPL and is
never imported.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from pydantic import BaseModel, ConfigDict

from agentos.effects.invoice.document import clean
from agentos.effects.ledger.entries import Entry, Payment
from agentos.effects.slug import slugify
from agentos.ids import digest

INCOME, OUTPUT_VAT, BANK = "Income:Services", "Liabilities:VAT:Output", "Assets:Bank"
PAYMENT = "payment"
_HEAD = re.compile(r"^\d{4}-\d\d-\d\d\s+[*!]", re.MULTILINE)
_BODY = re.compile(r"[^\n]*(?:\n[ \t]+\S[^\n]*)*")
_OURS = re.compile(r'(\S+) \* "((?:[^"\\]|\\.)*)" "((?:[^"\\]|\\.)*)"$', re.MULTILINE)
_POSTING = re.compile(r"^\s+([A-Z][\w:-]*)\s+(-?[\d.]+) ([A-Z]{3})$", re.MULTILINE)
_STRING = re.compile(r'"((?:[^"\\]|\\.)*)"')
_META = re.compile(r'^\s+([a-z][\w-]*):\s+"((?:[^"\\]|\\.)*)"\s*$', re.MULTILINE)


class Standing(BaseModel):
    """One transaction as it stands in a file. `text` is its block, `meta` the texts of its metadata."""

    model_config = ConfigDict(frozen=True)

    file: str
    line: int
    text: str
    meta: dict[str, str]

    @property
    def is_payment(self) -> bool:
        return self.meta.get("kind") == PAYMENT


def transactions(text: str, file: str) -> Iterator[Standing]:
    """The transactions in a beancount text: a dated head line and the indented lines right under it."""
    line, seen = 1, 0
    for head in _HEAD.finditer(text):
        line, seen = line + text.count("\n", seen, head.start()), head.start()
        body = _BODY.match(text, head.start())
        standing = body[0].rstrip() if body else ""
        meta = {name: unquoted(value) for name, value in _META.findall(standing)}
        yield Standing(file=file, line=line, text=standing, meta=meta)


def receivable(client: str) -> str:
    """The account of a client. Different ids give different accounts; an id that had to be respelt carries a digest.

    Beancount wants each part to begin with a capital or a digit and to hold letters, digits and hyphens.
    """
    slug = slugify(client, fallback="client", limit=80)
    name = "-".join(part.capitalize() for part in slug.split("-"))
    return f"Assets:Receivable:{name if slug == client else f'{name}-{digest(client.encode())[:8]}'}"


def quoted(text: str) -> str:
    """A beancount string on one line."""
    return '"' + str(clean(text)).replace("\\", "\\\\").replace('"', '\\"') + '"'


def unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


def postings(entry: Entry | Payment) -> list[tuple[str, Decimal]]:
    """(account, amount) of every side that is not nothing. They add up to zero."""
    owed = receivable(entry.client)
    if isinstance(entry, Payment):
        return [(BANK, entry.amount), (owed, -entry.amount)]
    sides = [(owed, entry.gross), (INCOME, -entry.net), (OUTPUT_VAT, -entry.vat)]
    return [(account, amount) for account, amount in sides if amount]


def block(entry: Entry | Payment, on: date, meta: dict[str, str], sign: int) -> str:
    usual = "Payment of invoice" if isinstance(entry, Payment) else "Invoice"
    narration = entry.narration or f"{usual} {entry.invoice}"
    lines = [f"{on.isoformat()} * {quoted(entry.payee)} {quoted(narration if sign > 0 else f'Reversal: {narration}')}"]
    lines += [f"  {name}: {quoted(value)}" for name, value in meta.items()]
    lines += [f"  {account:<48} {sign * amount:>14f} {entry.currency}" for account, amount in postings(entry)]
    return "\n".join(lines) + "\n"


def meaning(text: str) -> str:
    """A digest of what a transaction says: date, payee, narration, postings and our own marks. Space, comments, tags
    and further metadata are the operator's to change."""
    head, *rest = text.splitlines()
    said: list[object] = [head[:10], [unquoted(one) for one in _STRING.findall(head)]]
    meta = {name: unquoted(value) for name, value in _META.findall(text)}
    said.append([meta.get(name, "") for name in ("key", "invoice", "reverses")])
    said.append(sorted(_posted(one) for one in rest if re.match(r"\s+[A-Z!*]", one)))
    return digest(repr(said).encode())


def _posted(line: str) -> str:
    found = _POSTING.match(line.partition(";")[0].rstrip())
    if found is None:
        return " ".join(line.partition(";")[0].split())
    return f"{found[1]} {Decimal(found[2]).normalize():f} {found[3]}"


def entry_in(standing: Standing) -> dict[str, str] | None:
    """The payload of a booking or payment of ours, read back from its block; None for a reversal, or where it can't be
    told.

    The client's id is the account's last part; where that was respelt, it can't be told.
    """
    head = _OURS.match(standing.text)
    found = {account: (Decimal(amount), currency) for account, amount, currency in _POSTING.findall(standing.text)}
    owed = [account for account in found if account.startswith("Assets:Receivable:")]
    if head is None or len(owed) != 1 or "reverses" in standing.meta:
        return None
    client = owed[0].rpartition(":")[2].lower()
    if receivable(client) != owed[0]:
        return None
    gross, currency = found[owed[0]]
    common = {
        "date": head[1], "invoice": standing.meta.get("invoice", ""), "client": client, "payee": unquoted(head[2]),
        "narration": unquoted(head[3]), "currency": currency,
    }  # fmt: skip
    if standing.is_payment:
        return common | {"amount": str(-gross)} if BANK in found else None
    if INCOME not in found:
        return None
    (net, _), (vat, _) = found[INCOME], found.get(OUTPUT_VAT, (Decimal(0), ""))
    return common | {"net": str(-net), "vat": str(abs(vat)), "gross": str(gross)}
