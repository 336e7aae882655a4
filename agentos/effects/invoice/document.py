"""An invoice as data: what is agreed (`Draft`, the payload of `invoice.issue`) and what follows (`Document`)."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from agentos.effects.invoice.amounts import Basis, instalments, totals
from agentos.effects.port import Amounts
from agentos.errors import Permanent
from agentos.money import Money
from agentos.workspace.model import Address, Business, Client, Instalment


def clean(value: object) -> object:
    """Text without what XML and a printed line can't hold: control characters, surrogates, runs of white space."""
    if not isinstance(value, str):
        return value
    kept = "".join(" " if unicodedata.category(c) in {"Cc", "Cf", "Cs", "Cn"} else c for c in value)
    return re.sub(r"\s+", " ", unicodedata.normalize("NFC", kept)).strip()


def _clean_address(value: Address) -> Address:
    return value.model_copy(update={name: clean(text) for name, text in value})


Text = Annotated[str, Field(min_length=1, max_length=300), BeforeValidator(clean)]
Long = Annotated[str, Field(min_length=1, max_length=4000), BeforeValidator(clean)]
Number = Annotated[str, Field(min_length=1, max_length=40), BeforeValidator(clean)]
Category = Literal["S", "E", "AE", "O"]


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Party(Part):
    """Seller or buyer as it is printed (BG-4, BG-7). `contact` is a person."""

    name: Text
    contact: Text | None = None
    address: Annotated[Address, AfterValidator(_clean_address)]
    email: Text | None = None
    phone: Text | None = None
    website: Text | None = None
    vat_id: Text | None = None
    tax_number: Text | None = None


class Account(Part):
    """Where to pay (BG-17)."""

    iban: Text
    bic: Text | None = None
    bank: Text | None = None


class Line(Part):
    """One line (BG-25). `unit` is a UN/ECE Recommendation 20 code: C62 piece, HUR hour, DAY day."""

    description: Long
    quantity: Decimal = Field(default=Decimal(1), gt=0)
    unit: str = Field(default="C62", pattern=r"^[A-Z0-9]{2,3}$")
    unit_price: Decimal = Field(description="on the draft's basis, net or gross")


class Vat(Part):
    """The VAT category of the whole invoice (UNTDID 5305) and why no VAT is charged (BT-120, BT-121)."""

    category: Category
    rate: Decimal = Field(default=Decimal(0), ge=0, le=100)
    reason: Text | None = None
    code: str | None = Field(default=None, pattern=r"^VATEX-[A-Z0-9-]+$")


class Cancelled(Part):
    """The invoice a credit note takes back (BG-3)."""

    number: Number
    issued_on: date


class Draft(Part):
    """Everything an invoice or (with `cancels`) a credit note is made from. JSON form: the payload of `invoice.issue`.

    `due` is the day the operator named; without it payment is due `days` after `issued_on`, or by `schedule`.
    """

    number: Number
    issued_on: date
    client: str = Field(min_length=1)
    language: str = "en"
    currency: str = Field(pattern=r"^[A-Z]{3}$")
    basis: Basis = "net"
    seller: Party
    buyer: Party
    account: Account
    lines: tuple[Line, ...] = Field(min_length=1)
    vat: Vat
    days: int = Field(default=14, ge=0)
    due: date | None = None
    schedule: tuple[Instalment, ...] = ()
    delivered_on: date | None = None
    cancels: Cancelled | None = None


@dataclass(frozen=True)
class Document:
    """A draft with its arithmetic done. `parts` are the instalments (at least one); `due` is the last of them."""

    draft: Draft
    amounts: Amounts
    line_nets: tuple[Money, ...]
    parts: tuple[tuple[date, Money], ...]

    @property
    def due(self) -> date:
        return self.parts[-1][0]

    @property
    def kind(self) -> Literal["invoice", "credit_note"]:
        return "credit_note" if self.draft.cancels else "invoice"

    def unit_net(self, index: int) -> Decimal:
        """The net price of one unit (BT-146), exact: round it where it is written."""
        line = self.draft.lines[index]
        return line.unit_price if self.draft.basis == "net" else self.line_nets[index].amount / line.quantity


def parse(payload: dict[str, Any]) -> Draft:
    """The draft in a payload. Raises Permanent naming the first field that is wrong."""
    try:
        return Draft.model_validate(payload)
    except ValidationError as error:
        raise unusable(error) from error


def unusable(error: ValidationError) -> Permanent:
    """The first thing that is wrong, in a sentence: field and what was expected, never the value."""
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    return Permanent(f"The invoice can't be made: {where}: {first['msg']}.", code="invoice.payload")


def build(draft: Draft) -> Document:
    """Do the arithmetic and check what EN 16931 asks for. Raises Permanent with what is wrong."""
    _check(draft)
    lines = [Money(amount=line.quantity * line.unit_price, currency=draft.currency) for line in draft.lines]
    amounts, nets = totals(lines, draft.basis, draft.vat.rate)
    if amounts.gross.amount <= 0:
        raise Permanent(
            f"An invoice over {amounts.gross} can't be issued.",
            hint="Invoice an amount above zero; to give money back, undo the invoice.",
            code="invoice.amount",
        )
    return Document(draft, amounts, tuple(nets), tuple(_parts(draft, amounts.gross)))


def _parts(draft: Draft, gross: Money) -> list[tuple[date, Money]]:
    if draft.schedule and draft.due is None:
        return instalments(gross, draft.schedule, draft.issued_on)
    # A day the operator named may have passed while the invoice waited for approval: then it is due at once.
    due = max(draft.due, draft.issued_on) if draft.due else draft.issued_on + timedelta(days=draft.days)
    return [(due, gross)]


def _check(draft: Draft) -> None:
    vat = draft.vat
    if vat.category == "S" and vat.rate == 0:
        raise Permanent(
            "A standard or reduced VAT rate of 0 is not a rate.",
            hint='Say in the client\'s file why no VAT is charged: vat = "exempt" or another kind.',
            code="invoice.vat_rate",
        )
    if vat.category != "S" and (vat.rate or not (vat.reason or vat.code)):
        raise Permanent(
            "An invoice without VAT needs the reason on it, and no rate.",
            hint="Set exemption_reason in the client's file.",
            code="invoice.exemption",
        )
    if vat.category == "AE" and not (draft.buyer.vat_id and draft.seller.vat_id):
        raise Permanent(
            "Reverse charge needs the VAT ids of both sides (EN 16931, BR-AE-02).",
            hint="Set vat_id in the client's file and in agentos.toml.",
            code="invoice.vat_id",
        )
    if not (draft.seller.vat_id or draft.seller.tax_number):
        raise Permanent(
            "The seller has neither a VAT id nor a tax number.",
            hint="Set vat_id or tax_number under [business] in agentos.toml.",
            code="invoice.seller",
        )


def parties(business: Business, client: Client) -> tuple[Party, Party, Account] | None:
    """Seller, buyer and account as they stand on the invoice; None while an address or the IBAN is missing."""
    if business.address is None or client.address is None or business.iban is None:
        return None
    owner = business.owner if business.owner != business.name else None
    seller = Party(
        name=business.name,
        contact=owner,
        address=business.address,
        email=business.email,
        phone=business.phone,
        website=business.website,
        vat_id=business.vat_id,
        tax_number=business.tax_number,
    )
    buyer = Party(
        name=client.name, contact=client.contact, address=client.address, email=client.email, vat_id=client.vat_id
    )
    return seller, buyer, Account(iban=business.iban, bic=business.bic, bank=business.bank)
