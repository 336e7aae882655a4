"""What tokens cost: the operator's own figures first, nothing for a local model, else the genai-prices package.

The package's data is the copy that was installed; nothing is fetched. Its prices are US dollars.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal

from agentos.models.errors import UnknownPrice
from agentos.models.request import Usage
from agentos.money import Money
from agentos.workspace.model import ModelEndpoint

OPENAI = "https://api.openai.com/v1"
"""Where a model without `base_url` is asked."""

_MILLION = Decimal(1_000_000)

Price = Callable[[Usage], Money]


def price_of(endpoint: ModelEndpoint, *, tier: str, at: datetime) -> Price:
    """A function from usage to cost in US dollars. Raises UnknownPrice; the returned function never does.

    Figures of the operator count only as a pair, since half a price is unknown.
    """
    if endpoint.input_price is not None and endpoint.output_price is not None:
        return _own(endpoint.input_price, endpoint.output_price)
    if endpoint.local:
        return _own(Decimal(0), Decimal(0))
    price = _listed(endpoint, at)
    try:
        price(Usage(input_tokens=1, output_tokens=1))
    except LookupError:
        raise UnknownPrice(endpoint.model, tier=tier) from None
    return price


def known(endpoint: ModelEndpoint, *, at: datetime) -> bool:
    try:
        price_of(endpoint, tier="", at=at)
    except UnknownPrice:
        return False
    return True


def _own(input_price: Decimal, output_price: Decimal) -> Price:
    def cost(usage: Usage) -> Money:
        total = input_price * usage.input_tokens + output_price * usage.output_tokens
        return Money(amount=total / _MILLION, currency="USD")

    return cost


def _listed(endpoint: ModelEndpoint, at: datetime) -> Price:
    def cost(usage: Usage) -> Money:
        import genai_prices

        tokens = genai_prices.Usage(
            input_tokens=usage.input_tokens,
            cache_read_tokens=usage.cached_input_tokens,
            output_tokens=usage.output_tokens,
        )
        url = endpoint.base_url or OPENAI
        found = genai_prices.calc_price(tokens, endpoint.model, provider_api_url=url, genai_request_timestamp=at)
        return Money(amount=found.total_price, currency="USD")

    return cost
