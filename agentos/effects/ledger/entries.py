"""What is booked: the payloads of `ledger.book`, `ledger.receive` and `ledger.reverse`."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from agentos.effects.invoice.document import Number, clean
from agentos.errors import Permanent

E = TypeVar("E", bound=BaseModel)
Note = Annotated[str, BeforeValidator(clean)]


class _OfInvoice(BaseModel):
    """What every booking about an invoice to one client says. Amounts are texts of Decimals in `currency`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    date: date
    invoice: Number
    client: str = Field(min_length=1)
    payee: Note = ""
    narration: Note = ""
    currency: str = Field(pattern=r"^[A-Z]{3}$")


class Entry(_OfInvoice):
    """The payload of `book`."""

    net: Decimal = Field(gt=0)
    vat: Decimal = Field(ge=0)
    gross: Decimal

    @model_validator(mode="after")
    def _balanced(self) -> Entry:
        if self.net + self.vat != self.gross:
            raise ValueError(f"net {self.net} and VAT {self.vat} are not gross {self.gross}")
        return self


class Payment(_OfInvoice):
    """The payload of `receive`: money from one client for one invoice, on the day `date`. It may be a part of it."""

    amount: Decimal = Field(gt=0)


class Reversal(BaseModel):
    """The payload of `reverse`: the entry as booked, the key it was booked under, the day of the reversal."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    date: date
    reverses: str = Field(min_length=1)
    entry: Entry | Payment


class Restore(BaseModel):
    """The payload of `restore`: what was booked or reversed, under which key."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    of: str = Field(min_length=1)
    verb: Literal["book", "receive", "reverse"]
    payload: dict[str, Any]


def parsed(kind: type[E], payload: dict[str, Any]) -> E:
    """The payload as `kind`. Raises Permanent naming the first field that is wrong."""
    try:
        return kind.model_validate(payload)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise Permanent(
            f"This can't be booked: {where} {first['msg']}.".replace("  ", " "), code="ledger.payload"
        ) from error
