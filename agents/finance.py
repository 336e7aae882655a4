"""Finance: turns an agreed amount into three proposals: the invoice, its booking, and the mail to the client.

It computes and asks; it decides nothing about tax beyond what the client's file says, and it touches nothing outside.
"""

from __future__ import annotations

import asyncio
import re
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agentos.agent import Kit, Manifest, Question
from agentos.effects.invoice import Document, Draft, Line, build, parties, render_pdf, unusable, vat_of
from agentos.effects.invoice.identity import answered, known_before, lacking
from agentos.effects.invoice.taxation import doubts as vat_doubts
from agentos.effects.port import Proposal
from agentos.errors import Missing, Permanent
from agentos.ids import short
from agentos.money import digits
from agentos.workspace.model import Business, Client

manifest = Manifest(
    role="finance",
    version="1",
    outcome="The client holds a correct invoice, and the books say so.",
    capabilities=("business.get", "business.answers", "clients.get"),
    effects=("invoice.issue", "ledger.book", "mail.send"),
    failure_modes=(
        "Something the law wants on an invoice is not in the workspace: it asks, naming file and key.",
        "The amount is zero, negative or finer than the currency: it stops.",
        "A text has characters that the invoice's fonts lack: it stops before anything is proposed.",
    ),
    unwound="A credit note cancels the invoice, a reversing entry the booking; a mail that is still held is recalled.",
    act="Answer its card, then write the answer into the file that it names, so that it is not asked again.",
    kpi="share of invoices paid by their due date, and never credited",
)

_MAIL = {
    "en": {
        "subject": "Invoice ⟦number⟧ from {business}",
        "hello": "Hello {name},",
        "hello_nobody": "Hello,",
        "body": "please find attached invoice ⟦number⟧ for: {what}.\n\nTo pay: ⟦terms⟧.\n\n"
        "The PDF carries the electronic invoice (EN 16931, Factur-X) inside.\n\nThank you, and kind regards",
        "work": "Services as agreed",
        "post": "Blog post: {topic}",
        "title": "Invoice {client}: {gross}",
        "book": "Book the invoice to {client}: {gross}",
        "mail": "Mail the invoice to {to}",
        "remembered": "Answered before, not in your files: {slots} (task {task}). `agentos doctor` says what to add.",
    },
    "de": {
        "subject": "Rechnung ⟦number⟧ von {business}",
        "hello": "Guten Tag {name},",
        "hello_nobody": "Guten Tag,",
        "body": "anbei erhalten Sie die Rechnung ⟦number⟧ über: {what}.\n\nZu zahlen: ⟦terms⟧.\n\n"
        "Die PDF-Datei enthält die elektronische Rechnung (EN 16931, ZUGFeRD).\n\nVielen Dank und freundliche Grüße",
        "work": "Leistungen wie vereinbart",
        "post": "Blogbeitrag: {topic}",
        "title": "Rechnung an {client}: {gross}",
        "book": "Rechnung an {client} buchen: {gross}",
        "mail": "Rechnung an {to} senden",
        "remembered": "Früher beantwortet und nicht in Ihren Dateien: {slots} (Aufgabe {task}). "
        "`agentos doctor` sagt, was einzutragen ist.",
    },
}


_BRACKETS = re.compile(r'[<>"]')


class Asked(BaseModel):
    """The amount as it was understood. Without `basis` the business's own habit holds."""

    model_config = ConfigDict(frozen=True)

    amount: Decimal
    currency: str = Field(pattern=r"^[A-Z]{3}$")
    basis: Literal["net", "gross"] | None = None


class Request(BaseModel):
    """`client` is the id of a client file; `topic` stands in for a missing `description`; `due` is an ISO date.

    `language` is the operator's and is for what she reads; what the client reads is in the client's or the business's.
    """

    model_config = ConfigDict(frozen=True)

    client: str
    amount: Asked
    description: str | None = None
    topic: str | None = None
    due: date | None = None
    language: str | None = None


class Result(BaseModel):
    """`reasons` are doubts that make the coordinator ask; there are none in a plain case."""

    model_config = ConfigDict(frozen=True)

    proposals: list[Proposal]
    reasons: list[str] = []
    confidence: float = Field(ge=0, le=1)


async def run(request: Request, kit: Kit) -> Result:
    """Raises Question for what is missing, Permanent for what can't be invoiced."""
    business = Business.model_validate(await kit.use("business.get"))
    client = Client.model_validate(await kit.use("clients.get", id=request.client))
    before = await kit.use("business.answers", client=client.id)
    business, client, used = known_before(business, client, {slot: one["answer"] for slot, one in before.items()})
    business, client, refused = answered(business, client, kit.answers)
    _check_amount(request.amount)
    try:
        if gap := lacking(business, client):
            raise gap
        draft = _draft(request, business, client, kit)
    except Missing as gap:
        raise Question(gap.what, f"{refused.get(gap.what, '')} {gap}".strip()) from gap
    except ValidationError as error:
        raise unusable(error) from error
    document = build(draft)
    # Typeset once for nothing, so that what can't be printed is known before anybody is asked to approve it.
    await asyncio.to_thread(render_pdf, document)
    doubts = [*_doubts(request, client), *vat_doubts(business, client)]
    titles = _words(request.language or business.language)
    remembered = _remembered({slot: before[slot] for slot in used if slot not in kit.answers}, titles)
    return Result(
        proposals=[_issue(document, titles), _book(document, titles), _mail(document, business, titles)],
        reasons=[*doubts, *remembered],
        confidence=0.8 if doubts else 1.0,
    )


def _check_amount(asked: Asked) -> None:
    if asked.amount <= 0:
        raise Permanent(
            f"An invoice over {asked.amount} {asked.currency} can't be made.",
            hint="Name an amount above zero; to give money back, undo the invoice.",
            code="invoice.amount",
        )
    if asked.amount != round(asked.amount, digits(asked.currency)):
        raise Permanent(
            f"{asked.amount} is finer than {asked.currency} can be paid.",
            hint=f"Name an amount with {digits(asked.currency)} decimal places.",
            code="invoice.amount",
        )


def _draft(request: Request, business: Business, client: Client, kit: Kit) -> Draft:
    """The draft as of today, under a number that only stands in: both are assigned when the invoice is issued. Raises
    Missing."""
    language = client.language or business.language
    sides = parties(business, client)
    if sides is None:
        raise Permanent("The invoice lacks an address or an account.", code="invoice.identity")
    seller, buyer, account = sides
    vat = vat_of(business, client, language)
    words = _words(language)
    fallback = words["post"].format(topic=request.topic) if request.topic else words["work"]
    line = Line(description=request.description or fallback, unit_price=request.amount.amount)
    today = kit.now.astimezone(ZoneInfo(business.timezone)).date()
    return Draft(
        number="0",
        issued_on=today,
        client=client.id,
        language=language,
        currency=request.amount.currency,
        basis=request.amount.basis or business.amounts,
        seller=seller,
        buyer=buyer,
        account=account,
        lines=(line,),
        vat=vat,
        days=business.invoice.payment_days if client.payment_days is None else client.payment_days,
        due=_due(request.due, kit.answers, today),
        schedule=client.schedule,
    )


def _due(asked: date | None, answers: dict[str, str], today: date) -> date | None:
    """The day the operator named. One that has passed is a question: payment can't be asked for yesterday."""
    due = asked
    if "due" in answers:
        try:
            due = datetime.strptime(answers["due"].strip(), "%Y-%m-%d").date()  # noqa: DTZ007  a day has no zone
        except ValueError as error:
            raise Question(
                "due", f"“{answers['due']}” is not a date. By when is the invoice due? (2026-12-31)"
            ) from error
    if due is not None and due < today:
        raise Question("due", f"The due date {due} has passed. By when is the invoice due? (as {today.isoformat()})")
    return due


def _doubts(request: Request, client: Client) -> list[str]:
    doubts = []
    if client.currency and client.currency != request.amount.currency:
        doubts.append(
            f"{client.id} is billed in {client.currency} as a rule, this invoice is in {request.amount.currency}."
        )
    if request.due and client.schedule:
        doubts.append(f"The due date sets aside the payment schedule agreed with {client.id}.")
    return doubts


def _remembered(used: dict[str, dict[str, str]], words: dict[str, str]) -> list[str]:
    """Where what is not in the files comes from: a sentence for each task in which it was answered."""
    tasks: dict[str, list[str]] = {}
    for slot, one in used.items():
        tasks.setdefault(f"{short(one['task'])}, {one['at'][:10]}", []).append(slot)
    return [words["remembered"].format(slots=", ".join(slots), task=task) for task, slots in tasks.items()]


def _issue(document: Document, titles: dict[str, str]) -> Proposal:
    draft = document.draft
    payload = draft.model_dump(mode="json", exclude_none=True)
    return Proposal(
        system="invoice",
        verb="issue",
        slot="invoice",
        title=titles["title"].format(client=draft.buyer.name, gross=document.amounts.gross),
        payload=payload | {"number": "⟦number⟧", "issued_on": "⟦date⟧"},
        subject=draft.client,
        amounts=document.amounts,
        assigned={"number": "series:invoice", "date": "today"},
        fill=("/number", "/issued_on"),
    )


def _book(document: Document, titles: dict[str, str]) -> Proposal:
    draft, amounts = document.draft, document.amounts
    return Proposal(
        system="ledger",
        verb="book",
        slot="ledger",
        title=titles["book"].format(client=draft.buyer.name, gross=amounts.gross),
        payload={
            "date": "⟦date⟧",
            "invoice": "⟦number⟧",
            "client": draft.client,
            "payee": draft.buyer.name,
            "narration": draft.lines[0].description,
            "net": str(amounts.net.amount),
            "vat": str(amounts.vat.amount),
            "gross": str(amounts.gross.amount),
            "currency": draft.currency,
        },
        subject=draft.client,
        assigned={"number": "receipt:invoice.number", "date": "receipt:invoice.issued_on"},
        fill=("/date", "/invoice"),
        after=("invoice",),
    )


def _mail(document: Document, business: Business, titles: dict[str, str]) -> Proposal:
    draft = document.draft
    words, to = _words(draft.language), draft.buyer.email or ""
    hello = words["hello"].format(name=_literal(draft.buyer.contact)) if draft.buyer.contact else words["hello_nobody"]
    body = words["body"].format(what=_literal(draft.lines[0].description))
    closing = [_literal(text) for text in dict.fromkeys((business.owner, business.name, business.website)) if text]
    payload: dict[str, Any] = {
        "sender": f'"{_BRACKETS.sub("", business.name)}" <{business.email}>',
        "to": to,
        "cc": [],
        "subject": words["subject"].format(business=_literal(business.name)),
        "body": "\n".join([hello, "", body, *closing, ""]),
        "language": draft.language,
        "attachments": [{"name": "⟦file⟧", "path": "⟦pdf⟧", "digest": "⟦digest⟧"}],
    }
    fields = {"number": "number", "terms": "terms", "file": "file", "pdf": "pdf", "digest": "pdf_digest"}
    return Proposal(
        system="mail",
        verb="send",
        slot="mail",
        title=titles["mail"].format(to=to),
        payload=payload,
        subject=draft.client,
        to=to,
        assigned={name: f"receipt:invoice.{field}" for name, field in fields.items()},
        fill=("/subject", "/body", "/attachments/0/name", "/attachments/0/path", "/attachments/0/digest"),
        after=("ledger",),
    )


def _literal(text: str) -> str:
    """A text that stands beside placeholders and must not become one."""
    return text.replace("⟦", "[").replace("⟧", "]")


def _words(language: str) -> dict[str, str]:
    return _MAIL["de" if language.lower().startswith("de") else "en"]
