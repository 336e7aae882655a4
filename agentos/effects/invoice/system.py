"""The outside system `invoice`: documents issued under `books/invoices`, and the credit notes that take them back."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from agentos.effects.durable import explained, only_writer
from agentos.effects.invoice.cii import terms, to_xml
from agentos.effects.invoice.document import Cancelled, Document, Draft, Number, build, parse, unusable
from agentos.effects.invoice.store import Record, Store, as_issued, untouched
from agentos.effects.invoice.typeset import render_pdf
from agentos.effects.port import (
    Absent,
    Deed,
    Expected,
    Found,
    Observed,
    Proposal,
    Receipt,
    Unknown,
    Verb,
    receipt_says_too_little,
)
from agentos.errors import Permanent
from agentos.ids import digest

FOLDER = "books/invoices"
_BY_HAND = "Look in books/invoices; if the invoice is there, write its credit note as a new request."
VERBS: Mapping[str, Verb] = MappingProxyType(
    {
        "issue": Verb(
            "issue",
            "compensable",
            "A credit note with its own number cancels it; the invoice itself stays on "
            "record, and a client who has it must be told.",
            outcome="The client is billed once, under the next number of a series without gaps.",
            failure_modes=(
                "The number or the file is taken by a document that AgentOS did not issue: it fails for good.",
                "It fails for good after it took a number: the number is voided on the record.",
                "A record in `books/invoices` can't be read: it fails for good and names the file.",
            ),
            act="Look into `books/invoices`; raise `next_number` in `agentos.toml` where numbers were used elsewhere.",
        ),
        "credit": Verb(
            "credit",
            "final",
            "A credit note stands; to bill again, issue a new invoice.",
            outcome="A wrong invoice is cancelled, and the books can show why.",
            failure_modes=(
                "The invoice was issued otherwise, or is credited already: it fails for good and says which.",
            ),
            act="Send the credit note to the client who has the invoice, then ask for a new one.",
        ),
        "restore": Verb(
            "restore",
            "final",
            "What lay there instead is kept in books/invoices/replaced.",
            outcome="An invoice that was lost or changed lies there again as it was issued, under its number.",
            failure_modes=("Its record can't be built from what is on record: it fails for good and says so.",),
            act="Compare it with what the client has; what lay there instead is in `books/invoices/replaced`.",
        ),
    }
)


class Credit(BaseModel):
    """The payload of `invoice.credit`: the payload of the invoice it takes back, whole, and what is assigned last."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    number: Number
    issued_on: date
    invoice: Draft


class Restore(BaseModel):
    """The payload of `invoice.restore`: what was issued or credited, under which key."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    of: str
    verb: Literal["issue", "credit"]
    payload: dict[str, Any]


class InvoiceSystem:
    """Implements `System`. `root` is the workspace's folder; receipts name paths relative to it."""

    name = "invoice"
    account = "invoice:main"
    verbs = VERBS

    def __init__(self, root: Path) -> None:
        self._store = Store(root / FOLDER)

    def check(self, verb: str, payload: dict[str, Any]) -> None:
        """Number and day are assigned last, so any will do here."""
        if verb == "issue":
            build(parse(payload | {"number": "0", "issued_on": "2000-01-01"}))

    def do(self, verb: str, payload: dict[str, Any], key: str) -> Receipt:
        """Write PDF, XML and record. A repeat returns the first receipt; another payload or number is refused."""
        kind: Literal["invoice", "credit_note"] = "invoice" if _known(verb) == "issue" else "credit_note"
        asked = _payload_digest(payload)
        with explained("The invoice"), only_writer(self._store.folder):
            if verb == "restore":
                return self._restore(_restore(payload))
            earlier = self._store.with_key(key)
            if earlier is not None:
                return _repeat(earlier, asked)
            draft = parse(payload) if kind == "invoice" else self._credit(payload)
            if draft.cancels and kind == "invoice":
                raise Permanent("A credit note is issued with the verb credit.", code="invoice.payload")
            self._free(draft.number)
            record, pdf, xml = self._made(kind, key, payload, draft)
            self._store.save(record, pdf, xml)
        return Receipt(ref=record.number, data=record.receipt)

    def _made(
        self, kind: Literal["invoice", "credit_note"], key: str, payload: dict[str, Any], draft: Draft
    ) -> tuple[Record, bytes, bytes]:
        """Record, PDF and XML: the same payload gives the same bytes."""
        document = build(draft)
        xml = to_xml(document)
        pdf = render_pdf(document, xml)
        record = self._record(kind, key, _payload_digest(payload), document, pdf, xml)
        return record.model_copy(update={"asked": payload}), pdf, xml

    def _restore(self, asked: Restore) -> Receipt:
        draft = parse(asked.payload) if asked.verb == "issue" else _credited(_credit(asked.payload))
        record, pdf, xml = self._made(
            "invoice" if asked.verb == "issue" else "credit_note", asked.of, asked.payload, draft
        )
        self._store.put_back(record, pdf, xml)
        return Receipt(ref=record.number, data=record.receipt)

    def _find_restored(self, asked: Restore) -> Found | Absent:
        numbered = asked.payload.get("number")
        record = self._store.record_at(numbered) if isinstance(numbered, str) else None
        whole = record is not None and record.key == asked.of and self._store.content(record) == untouched(record)
        return Found(Receipt(ref=record.number, data=record.receipt)) if record is not None and whole else Absent()

    def find(self, verb: str, payload: dict[str, Any], key: str) -> Found | Absent | Unknown:
        """Trusted both ways: the folder is ours, the record is written last. Waits for a writer at work."""
        _known(verb)
        if not self._store.folder.is_dir():
            return Absent()
        try:
            with only_writer(self._store.folder):
                if verb == "restore":
                    return self._find_restored(_restore(payload))
                record = self._store.with_key(key)
        except (OSError, Permanent) as error:
            return Unknown(str(error))
        return Found(Receipt(ref=record.number, data=record.receipt)) if record else Absent()

    def undo(self, verb: str, payload: dict[str, Any], receipt: Receipt) -> Proposal | None:
        if _known(verb) != "issue":
            return None
        issued = {**payload, "number": _said("number", receipt, payload), "issued_on": _issued_on(receipt, payload)}
        try:
            document = build(parse(issued))
        except Permanent as error:
            raise receipt_says_too_little("which invoice it was", _BY_HAND) from error
        number = document.draft.number
        return Proposal(
            system=self.name,
            verb="credit",
            slot=f"credit-{number}",
            title=f"Credit note for invoice {number} over {document.amounts.gross}",
            payload={"number": "⟦number⟧", "issued_on": "⟦date⟧", "invoice": issued},
            subject=document.draft.client,
            amounts=document.amounts,
            assigned={"number": "series:credit_note", "date": "today"},
            fill=("/number", "/issued_on"),
        )

    def observe(self) -> Iterable[Observed]:
        """Every document with its record; `data["changed"]` says that a file is no longer what was issued."""
        if not self._store.folder.is_dir():
            return []
        with only_writer(self._store.folder):
            seen = [self._observed(record) for record in self._store.readable()]
            return [*seen, *(_unreadable(path) for path in self._store.unreadable())]

    def _observed(self, record: Record) -> Observed:
        content, touched = self._store.content(record), self._store.touched(record)
        data = {
            **record.receipt,
            "changed": content != untouched(record),
            "touched": touched,
            "payload": record.asked or {},
        }
        pdf, xml = self._store.digests(record)
        present = as_issued(record.receipt, pdf, xml) or content
        return Observed(record.kind, record.number, record.key, present, data)

    def expects(self, deed: Deed) -> Expected | None:
        said = deed.receipt.data
        number, pdf, xml = said.get("number"), said.get("pdf_digest"), said.get("xml_digest")
        if not isinstance(number, str) or number != deed.receipt.ref or not isinstance(pdf, str):
            return None
        verb = deed.payload.get("verb") if deed.verb == "restore" else deed.verb
        key = str(deed.payload.get("of")) if deed.verb == "restore" else deed.key
        kind, name = ("invoice", "Invoice") if verb == "issue" else ("credit_note", "Credit note")
        content = as_issued(said, pdf, xml) if isinstance(xml, str) else None
        return Expected(key, kind, number, f"{name} {number}", content, stays=True)

    def repair(self, kind: str, ref: str, deed: Deed | None) -> Proposal | None:
        """Written again from what was asked for: PDF, e-invoice and record, under the same number."""
        if kind not in ("missing", "changed") or deed is None or deed.verb not in ("issue", "credit"):
            return None
        try:
            build(parse(deed.payload) if deed.verb == "issue" else _credited(_credit(deed.payload)))
        except Permanent:  # adopted after a restore, and its record told too little
            return None
        return Proposal(
            system=self.name,
            verb="restore",
            slot="restore",
            title="Write it again as it was issued?",
            payload={"of": deed.key, "verb": deed.verb, "payload": deed.payload},
            subject=deed.subject,
        )

    def _free(self, number: str) -> None:
        if self._store.with_number(number) is not None:
            raise Permanent(
                f"The number {number} is taken by another document.",
                hint="Raise next_number under [business.invoice] in agentos.toml.",
                code="invoice.number_taken",
            )

    def _credit(self, payload: dict[str, Any]) -> Draft:
        """The draft of a credit note, for an invoice that is ours, unchanged, and not credited yet."""
        credit = _credit(payload)
        number = credit.invoice.number
        original = next((r for r in self._store.records() if r.number == number and r.kind == "invoice"), None)
        if original is None or original.payload != _payload_digest(payload["invoice"]):
            raise Permanent(
                f"Invoice {number} was not issued like this, so it can't be credited.", code="invoice.unknown"
            )
        if any(record.cancels == number for record in self._store.records()):
            raise Permanent(f"Invoice {number} has been credited already.", code="invoice.credited")
        return _credited(credit)

    def _record(
        self, kind: Literal["invoice", "credit_note"], key: str, asked: str, document: Document, pdf: bytes, xml: bytes
    ) -> Record:
        draft, amounts = document.draft, document.amounts
        path = self._store.path(draft.number, "pdf")
        receipt = {
            "number": draft.number,
            "issued_on": draft.issued_on.isoformat(),
            "due": document.due.isoformat(),
            "terms": terms(document),
            "parts": [{"due": due.isoformat(), "amount": str(amount.amount)} for due, amount in document.parts],
            "file": path.name,
            "pdf": f"{FOLDER}/{path.name}",
            "xml": f"{FOLDER}/{path.stem}.xml",
            "pdf_digest": digest(pdf),
            "xml_digest": digest(xml),
            "net": str(amounts.net.amount),
            "vat": str(amounts.vat.amount),
            "gross": str(amounts.gross.amount),
            "currency": draft.currency,
            "client": draft.client,
            "key": key,
        }
        return Record(
            kind=kind,
            key=key,
            payload=asked,
            number=draft.number,
            issued_on=draft.issued_on.isoformat(),
            client=draft.client,
            pdf_digest=digest(pdf),
            xml_digest=digest(xml),
            receipt=receipt,
            cancels=draft.cancels.number if draft.cancels else None,
        )


def _credit(payload: dict[str, Any]) -> Credit:
    try:
        return Credit.model_validate(payload)
    except ValidationError as error:
        raise unusable(error) from error


def _credited(credit: Credit) -> Draft:
    return credit.invoice.model_copy(
        update={
            "number": credit.number,
            "issued_on": credit.issued_on,
            "delivered_on": credit.invoice.delivered_on or credit.invoice.issued_on,
            "due": None,
            "schedule": (),
            "days": 0,
            "cancels": Cancelled(number=credit.invoice.number, issued_on=credit.invoice.issued_on),
        }
    )


def _restore(payload: dict[str, Any]) -> Restore:
    try:
        return Restore.model_validate(payload)
    except ValidationError as error:
        raise unusable(error) from error


def _unreadable(path: Path) -> Observed:
    return Observed("unreadable", path.stem, None, digest(path.read_bytes()), {"file": path.name})


def _said(name: str, receipt: Receipt, payload: Mapping[str, Any]) -> str:
    """The text the receipt holds under this name, else the payload; "" where both have none."""
    found = (source.get(name) for source in (receipt.data, payload))
    return next((value for value in found if isinstance(value, str) and value), "")


def _issued_on(receipt: Receipt, payload: Mapping[str, Any]) -> str:
    """The day in ISO 8601, by the receipt, else by the payload; "" where both have none."""
    for value in (receipt.data.get("issued_on"), payload.get("issued_on")):
        with suppress(ValueError):
            return date.fromisoformat(str(value)).isoformat()
    return ""


def _repeat(earlier: Record, asked: str) -> Receipt:
    if earlier.payload != asked:
        raise Permanent(
            f"This was issued before as {earlier.number}, with other content.",
            hint="Undo it first; then it can be issued anew.",
            code="invoice.key_taken",
        )
    return Receipt(ref=earlier.number, data=earlier.receipt)


def _payload_digest(payload: Mapping[str, Any]) -> str:
    return digest(
        json.dumps(payload, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")
    )


def _known(verb: str) -> str:
    if verb not in VERBS:
        raise Permanent(
            f"The invoice system can't {verb}.", hint="It can issue, credit and restore.", code="invoice.verb"
        )
    return verb
