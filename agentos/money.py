"""Money is a Decimal with a currency. No float ever touches it."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from functools import total_ordering

from pydantic import BaseModel, ConfigDict, field_validator

# ISO 4217 minor units that are not two digits; the rest of the currencies we accept have two.
_DIGITS = {"JPY": 0, "KRW": 0, "ISK": 0, "HUF": 2, "KWD": 3, "BHD": 3, "TND": 3}


@total_ordering
class Money(BaseModel):
    """An amount in one currency. JSON form: {"amount": "1200.00", "currency": "EUR"}.

    Arithmetic between currencies raises ValueError: an exchange rate is a decision, not an addition.
    """

    model_config = ConfigDict(frozen=True)

    amount: Decimal
    currency: str

    @field_validator("amount", mode="before")
    @classmethod
    def _no_floats(cls, value: object) -> object:
        if isinstance(value, float):
            raise ValueError("a float is not an amount of money; write it as text or Decimal")
        return value

    @field_validator("amount")
    @classmethod
    def _finite(cls, value: Decimal) -> Decimal:
        if not value.is_finite():
            raise ValueError("an amount of money is a finite number")
        return value

    @field_validator("currency")
    @classmethod
    def _iso(cls, value: str) -> str:
        if len(value) != 3 or not value.isascii() or not value.isalpha() or not value.isupper():
            raise ValueError(f"{value!r} is not an ISO 4217 code such as EUR")
        return value

    @classmethod
    def of(cls, amount: str | int | Decimal, currency: str) -> Money:
        return cls(amount=Decimal(amount), currency=currency)

    def rounded(self) -> Money:
        """To the currency's minor unit, half up (the commercial rule of EN 16931 examples)."""
        step = Decimal(1).scaleb(-digits(self.currency))
        return Money(amount=self.amount.quantize(step, ROUND_HALF_UP), currency=self.currency)

    def times(self, factor: Decimal | int) -> Money:
        return Money(amount=self.amount * factor, currency=self.currency)

    def __add__(self, other: Money) -> Money:
        return Money(amount=self.amount + self._same(other), currency=self.currency)

    def __sub__(self, other: Money) -> Money:
        return Money(amount=self.amount - self._same(other), currency=self.currency)

    def __neg__(self) -> Money:
        return Money(amount=-self.amount, currency=self.currency)

    def __lt__(self, other: Money) -> bool:
        return self.amount < self._same(other)

    def __str__(self) -> str:
        return f"{self.rounded().amount:,} {self.currency}"

    def _same(self, other: Money) -> Decimal:
        if other.currency != self.currency:
            raise ValueError(f"{self.currency} and {other.currency} do not add up without an exchange rate")
        return other.amount


def digits(currency: str) -> int:
    """How many decimal places the currency's minor unit has (ISO 4217)."""
    return _DIGITS.get(currency, 2)


def split(total: Money, parts: int) -> list[Money]:
    """`parts` amounts that differ by at most one minor unit and add up to `total` exactly."""
    step = Decimal(1).scaleb(-digits(total.currency))
    units = int(total.rounded().amount / step)
    small, extra = divmod(units, parts)
    return [Money(amount=step * (small + (1 if i < extra else 0)), currency=total.currency) for i in range(parts)]
