"""Asking a model: who is asked in which order, how often, and what it may cost at most.

The one promise to the budget: a call never spends more than `estimate` said. So a request that may have been billed
is counted, whether its answer came or not, and a call makes as many of them as were estimated: one, or two where a
structured answer may need a repair. What was turned away unbilled is tried again in place, shortly; longer waits are
the coordinator's, which parks.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import replace

from agentos.clock import Clock, SystemClock
from agentos.models import answers
from agentos.models.cache import Cache, cache_key
from agentos.models.candidates import Candidate, allowed, candidates, key_of, on_own_machine
from agentos.models.errors import NOTHING
from agentos.models.exchange import Exchange, Failure, Reply
from agentos.models.failures import Failed, garbled, gave_up, refused, rejected
from agentos.models.request import ModelAnswer, ModelEstimate, ModelRequest, ModelTier, Usage
from agentos.models.tab import Tab
from agentos.money import Money
from agentos.outside import CircuitOpen, Circuits, Outcome, backoff
from agentos.workspace.model import ModelSettings

ATTEMPTS = 3
"""How often one endpoint is asked in a row when it turns us away."""

LONGEST_PAUSE = 2.0
"""Seconds. A wait beyond this is not slept through: the next endpoint is asked, or the task parks."""


class Models:
    """The real ModelPort. Holds no connection between calls, so one instance serves several event loops and threads.

    environ: where the keys are looked up by name. circuits: shared with the process, fed from and to the log.
    """

    def __init__(
        self,
        settings: ModelSettings,
        environ: Mapping[str, str],
        *,
        clock: Clock | None = None,
        circuits: Circuits | None = None,
        cache: Cache | None = None,
        rng: random.Random | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._settings = settings
        self._environ = environ
        self._clock = clock or SystemClock()
        self._circuits = circuits or Circuits()
        self._cache = cache
        self._rng = rng or random.Random()  # noqa: S311
        self._sleep = sleep

    def available(self, tier: ModelTier, *, confidential: bool = False) -> bool:
        endpoints = allowed(self._settings, tier, confidential=confidential)
        return any(key_of(endpoint, self._environ) is not None for _, endpoint in endpoints)

    def is_local(self, tier: ModelTier, *, confidential: bool = False) -> bool:
        endpoints = allowed(self._settings, tier, confidential=confidential)
        return bool(endpoints) and all(on_own_machine(endpoint) for _, endpoint in endpoints)

    def estimate(self, request: ModelRequest) -> ModelEstimate:
        """Bytes of the prompt as input tokens, the whole length as output, the dearest endpoint, a repair included."""
        asked = self._candidates(request)
        each = [_most(request, candidate) for candidate in asked]
        costs = [_total(c.price(usage) for usage in usages) for c, usages in zip(asked, each, strict=True)]
        return ModelEstimate(
            input_tokens=max(sum(u.input_tokens for u in usages) for usages in each),
            output_tokens=max(sum(u.output_tokens for u in usages) for usages in each),
            cost=max(costs),
            models=tuple(c.endpoint.model for c in asked),
        )

    async def call(self, request: ModelRequest) -> ModelAnswer:
        """See ModelPort. Asks the endpoints in their order until one answers."""
        asked = self._candidates(request)
        cached = self._cached(request, asked)
        if cached is not None:
            return cached
        tab = Tab(allowed=2 if request.json_schema is not None else 1)
        failed: list[Failed] = []
        for candidate in asked:
            if not tab.open:
                break
            result = await self._converse(request, candidate, tab)
            if isinstance(result, ModelAnswer):
                return result
            failed.append(result)
        raise gave_up(failed, tab)

    def _candidates(self, request: ModelRequest) -> list[Candidate]:
        return candidates(
            self._settings, self._environ, request.tier, confidential=request.confidential, at=self._clock.now()
        )

    def _cached(self, request: ModelRequest, asked: list[Candidate]) -> ModelAnswer | None:
        if self._cache is None or request.temperature > 0:
            return None
        for candidate in asked:
            answer = self._cache.get(cache_key(request, candidate.endpoint))
            if answer is not None:
                nothing = {"usage": Usage(), "cost": NOTHING, "latency_ms": 0, "attempts": 0}
                return answer.model_copy(update={**nothing, "cached": True})
        return None

    async def _converse(self, request: ModelRequest, candidate: Candidate, tab: Tab) -> ModelAnswer | Failed:
        """One endpoint, up to its answer or the answer's one repair. Raises when asking another can't help."""
        started = time.perf_counter()
        exchange = answers.opening(request, candidate.endpoint)
        repaired = False
        while True:
            reply = await self._exchange(candidate, exchange, tab)
            if isinstance(reply, Failed):
                return reply
            verdict = answers.judge(request, reply)
            if isinstance(verdict, answers.Accepted):
                return self._kept(request, candidate, _answer(reply, verdict, candidate, tab, started))
            if repaired or not verdict.repairable or not tab.open:
                raise rejected(verdict, candidate, tab)
            exchange, repaired = answers.repair(exchange, reply, verdict), True

    def _kept(self, request: ModelRequest, candidate: Candidate, answer: ModelAnswer) -> ModelAnswer:
        if self._cache is not None and request.temperature == 0:
            self._cache.put(cache_key(request, candidate.endpoint), answer)
        return answer

    async def _exchange(self, candidate: Candidate, exchange: Exchange, tab: Tab) -> Reply | Failed:
        """One request and, as long as it is turned away unbilled, a few more with short pauses between."""
        attempt = 1
        while True:
            result = await self._ask(candidate, exchange, tab)
            if not isinstance(result, Failed) or not result.again or attempt == ATTEMPTS:
                return result
            wait = backoff(attempt, base=0.25, cap=LONGEST_PAUSE, rng=self._rng, retry_after=result.retry_after)
            if wait > LONGEST_PAUSE:
                return result
            await self._sleep(wait)
            attempt += 1

    async def _ask(self, candidate: Candidate, exchange: Exchange, tab: Tab) -> Reply | Failed:
        """Circuit, wire, tab. Raises ModelPermanent and ModelAnswerError (garbled): no repetition mends those."""
        from agentos.models import wire

        try:
            self._circuits.check(candidate.circuit, self._clock.now(), what=candidate.label)
        except CircuitOpen as shut:
            return Failed(candidate.label, "circuit", retry_after=shut.retry_after)
        tab.attempts += 1
        now = self._clock.now()
        result = await wire.ask(candidate.endpoint, candidate.key, exchange, now=now)
        if isinstance(result, Failure) and result.param == "temperature":
            # Reasoning models take only their own; a request they turn down is not billed.
            result = await wire.ask(candidate.endpoint, candidate.key, replace(exchange, temperature=None), now=now)
        if isinstance(result, Failure):
            return self._failed(candidate, exchange, tab, result)
        self._circuits.record(candidate.circuit, Outcome(ok=True), self._clock.now())
        tab.charge(candidate, _believed(result.usage, _bound(exchange)))
        return result

    def _failed(self, candidate: Candidate, exchange: Exchange, tab: Tab, failure: Failure) -> Failed:
        """A refusal is an answer: the endpoint is well, and it is not the circuit's matter."""
        outcome = Outcome(ok=failure.kind == "refused", retry_after=failure.retry_after)
        self._circuits.record(candidate.circuit, outcome, self._clock.now())
        if failure.kind == "refused":
            raise refused(failure, candidate, tab)
        if failure.kind == "garbled":
            tab.charge(candidate, _bound(exchange))
            raise garbled(candidate, tab)
        if failure.kind == "lost":
            tab.charge_lost(candidate, _bound(exchange))
        return Failed(candidate.label, failure.kind, failure.status, failure.retry_after)


def _most(request: ModelRequest, candidate: Candidate) -> list[Usage]:
    """What each request of a call can use at most."""
    first = _bound(answers.opening(request, candidate.endpoint))
    if request.json_schema is None:
        return [first]
    more = first.input_tokens + answers.most_repair_tokens()
    return [first, first.model_copy(update={"input_tokens": more})]


def _total(costs: Iterable[Money]) -> Money:
    return sum(costs, start=NOTHING)


def _bound(exchange: Exchange) -> Usage:
    return Usage(input_tokens=answers.most_tokens(exchange), output_tokens=exchange.max_tokens, estimated=True)


def _believed(usage: Usage | None, bound: Usage) -> Usage:
    """What a server reports, up to what the request can have used: a figure above that is no figure, and would shut
    the budget. It is kept beside the bound."""
    if usage is None:
        return bound
    if usage.input_tokens <= bound.input_tokens and usage.output_tokens <= bound.output_tokens:
        return usage
    return Usage(
        input_tokens=min(usage.input_tokens, bound.input_tokens),
        output_tokens=min(usage.output_tokens, bound.output_tokens),
        cached_input_tokens=min(usage.cached_input_tokens, bound.input_tokens),
        estimated=True,
        reported_tokens=usage.input_tokens + usage.output_tokens,
    )


def _answer(reply: Reply, verdict: answers.Accepted, candidate: Candidate, tab: Tab, started: float) -> ModelAnswer:
    return ModelAnswer(
        text=reply.text,
        parsed=verdict.parsed,
        model=candidate.endpoint.model,
        endpoint=candidate.label,
        usage=tab.usage,
        cost=tab.cost,
        latency_ms=round((time.perf_counter() - started) * 1000),
        attempts=tab.attempts,
    )
