"""What is otherwise in a what-if."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, InvalidOperation

from agentos.errors import AgentOSError
from agentos.models.prices import Price, price_of
from agentos.models.request import Usage
from agentos.money import Money
from agentos.policy import Policy
from agentos.workspace.model import ModelEndpoint, ModelSettings

_MILLION = 1_000_000


@dataclass(frozen=True)
class Change:
    """`policy` in place of the one that was in force; None keeps it. `prices`: by tier, in place of what was paid."""

    policy: Policy | None = None
    prices: Mapping[str, Price] = field(default_factory=dict)


def priced(said: str, settings: ModelSettings, at: datetime) -> tuple[str, Price]:
    """ "large=gpt-5", or "large=2.50/10" in US dollars per million tokens in and out, as (tier, price).

    A model that agentos.toml names is priced as there. Raises AgentOSError, and UnknownPrice for a model without one.
    """
    tier, _, model = (part.strip() for part in said.partition("="))
    if tier not in ("small", "large", "local") or not model:
        raise _unreadable(said)
    given, slash, made = model.partition("/")
    if slash:
        try:
            return tier, _flat(Decimal(given), Decimal(made))
        except InvalidOperation:
            pass  # a model's name may hold a slash
    known = (one for group in (settings.small, settings.large, settings.local) for one in group)
    endpoint = next((one for one in known if one.model == model), ModelEndpoint(model=model))
    return tier, price_of(endpoint, tier=tier, at=at)


def _flat(given: Decimal, made: Decimal) -> Price:
    if not (given.is_finite() and made.is_finite() and min(given, made) >= 0):
        raise InvalidOperation

    def cost(usage: Usage) -> Money:
        total = given * usage.input_tokens + made * usage.output_tokens
        return Money(amount=total / _MILLION, currency="USD")

    return cost


def _unreadable(said: str) -> AgentOSError:
    return AgentOSError(
        f"{said!r} names no tier and model.",
        hint="As in: --model large=gpt-5, or --model large=2.50/10 (dollars per million tokens, in and out).",
        code="whatif.model",
    )
