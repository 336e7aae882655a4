"""How a model call fails. Each error says what the failed call has spent, so that its reservation can be settled."""

from __future__ import annotations

from agentos.errors import AgentOSError, Permanent, Transient
from agentos.models.request import Usage
from agentos.money import Money

NOTHING = Money.of(0, "USD")


class ModelTransient(Transient):
    """No endpoint of the tier answered; it may later. `retry_after` (seconds) is when to come back.

    `sent`: an answer was asked for and lost, so what it cost is unknown: settle the reservation in full.
    `usage` and `cost` are the bound of what was spent.
    """

    code = "model.unavailable"

    def __init__(
        self,
        message: str,
        *,
        retry_after: float | None = None,
        hint: str = "",
        code: str = "",
        sent: bool = False,
        usage: Usage | None = None,
        cost: Money = NOTHING,
    ) -> None:
        super().__init__(message, retry_after=retry_after, hint=hint, code=code)
        self.sent = sent
        self.usage = usage or Usage()
        self.cost = cost


class ModelPermanent(Permanent):
    """The endpoint refuses us, and would again: a wrong key, an unknown model, a request it can't take."""

    code = "model.refused_by_endpoint"

    def __init__(
        self, message: str, *, hint: str = "", code: str = "", usage: Usage | None = None, cost: Money = NOTHING
    ) -> None:
        super().__init__(message, hint=hint, code=code)
        self.usage = usage or Usage()
        self.cost = cost


class ModelAnswerError(AgentOSError):
    """A model answered, and the answer is of no use: a semantic failure, paid for.

    code: model.schema, model.refused, model.empty, model.truncated or model.garbled. `reasons` name places and rules of
    the schema, never the answer's words.
    """

    code = "model.answer"

    def __init__(
        self,
        message: str,
        *,
        code: str,
        reasons: tuple[str, ...] = (),
        hint: str = "",
        model: str,
        endpoint: str,
        usage: Usage,
        cost: Money,
        attempts: int,
    ) -> None:
        super().__init__(message, hint=hint, code=code)
        self.reasons = reasons
        self.model = model
        self.endpoint = endpoint
        self.usage = usage
        self.cost = cost
        self.attempts = attempts


class UnknownPrice(Permanent):
    """A budget can't be kept for a model whose price nobody knows: closed until the operator writes it down."""

    code = "model.unknown_price"

    def __init__(self, model: str, *, tier: str) -> None:
        super().__init__(
            f"The price of {model} is not known, so no budget can be kept.",
            hint=(
                f"Below the [[models.{tier}]] that names {model} in agentos.toml add two lines, with the real figures "
                "in US dollars per million tokens: input_price = 0.15 and output_price = 0.60; "
                "or local = true if it runs on your own machine."
            ),
        )
        self.model = model
