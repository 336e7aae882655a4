"""One tiny real call: how `agentos init` and `agentos doctor` find out whether an endpoint works."""

from __future__ import annotations

import time
from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict

from agentos.clock import Clock, SystemClock
from agentos.models import prices
from agentos.models.candidates import Candidate, key_of, key_variable, label
from agentos.models.errors import NOTHING, UnknownPrice
from agentos.models.exchange import Exchange, Failure
from agentos.models.failures import Failed, garbled, refused
from agentos.models.request import Usage
from agentos.models.tab import Tab
from agentos.money import Money
from agentos.workspace.model import ModelEndpoint


class Tried(BaseModel):
    """What came of it. `sentence` and `hint` are for a person. `cost` is None when the price is unknown."""

    model_config = ConfigDict(frozen=True)

    ok: bool
    model: str
    endpoint: str
    sentence: str
    hint: str = ""
    latency_ms: int = 0
    usage: Usage | None = None
    cost: Money | None = None


async def try_call(
    endpoint: ModelEndpoint, environ: Mapping[str, str], *, tier: str = "small", clock: Clock | None = None
) -> Tried:
    """Never raises for what an endpoint can do; asks once, for 16 tokens. A model without a price is tried as well.

    `ok` means that it answered; that its price is missing is said in `hint`.
    """
    from agentos.models import wire

    now = (clock or SystemClock()).now()
    key = key_of(endpoint, environ)
    if key is None:
        missing = f"The environment variable {key_variable(endpoint)} is not set."
        return Tried(ok=False, model=endpoint.model, endpoint=label(endpoint), sentence=missing)
    exchange = Exchange((("user", "Reply with the word OK."),), min(16, endpoint.max_output_tokens), 0)
    started = time.perf_counter()
    result = await wire.ask(endpoint, key, exchange, now=now)
    taken = round((time.perf_counter() - started) * 1000)
    if isinstance(result, Failure):
        return _failed(endpoint, tier, result, taken)
    sentence = f"{endpoint.model} at {label(endpoint)} answered within {taken} ms."
    cost, hint = _cost(endpoint, tier, result.usage, clock or SystemClock())
    return Tried(
        ok=True,
        model=endpoint.model,
        endpoint=label(endpoint),
        sentence=sentence,
        hint=hint,
        latency_ms=taken,
        usage=result.usage,
        cost=cost,
    )


def _cost(endpoint: ModelEndpoint, tier: str, usage: Usage | None, clock: Clock) -> tuple[Money | None, str]:
    try:
        price = prices.price_of(endpoint, tier=tier, at=clock.now())
    except UnknownPrice as unknown:
        return None, str(unknown)
    return (price(usage) if usage else None), ""


def _failed(endpoint: ModelEndpoint, tier: str, failure: Failure, taken: int) -> Tried:
    """In the words of the error that a task would have met."""
    candidate, tab = Candidate(endpoint, tier, "", lambda _: NOTHING), Tab(allowed=1)
    hint = "Is the server running, and base_url right?"
    if failure.kind == "refused":
        error = refused(failure, candidate, tab)
        sentence, hint = error.message, error.hint
    elif failure.kind == "garbled":
        sentence, hint = garbled(candidate, tab).message, garbled(candidate, tab).hint
    else:
        sentence = f"{Failed(label(endpoint), failure.kind, failure.status)}."
    return Tried(
        ok=False, model=endpoint.model, endpoint=label(endpoint), sentence=sentence, hint=hint, latency_ms=taken
    )
