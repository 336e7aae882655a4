"""Models that answer as scripted, without a wire: the fake of `agentos.models.ModelPort`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from agentos.models import (
    ModelAnswer,
    ModelAnswerError,
    ModelEstimate,
    ModelPermanent,
    ModelRequest,
    ModelTier,
    ModelTransient,
    Usage,
)
from agentos.models.answers import violations
from agentos.money import Money

Script = str | dict[str, Any] | ModelAnswer | Exception | Callable[[ModelRequest], Any]


class FakeModels:
    """Each call takes the next of `script` (the last stays): text, an object, an answer, an error to raise, or a
    function of the request that returns one of these. `requests` keeps what was asked.

    An object that breaks the request's schema raises ModelAnswerError, as the real one does after its repair. Every
    answer costs `cost` and uses `usage`; the estimate is the same again and a bit more.
    """

    def __init__(
        self,
        script: Iterable[Script] = ("A fake answer.",),
        *,
        tiers: Iterable[ModelTier] = ("small", "large", "local"),
        cost: str = "0.001",
        usage: Usage | None = None,
        model: str = "fake-model",
    ) -> None:
        self.requests: list[ModelRequest] = []
        self._script = list(script)
        self._tiers = frozenset(tiers)
        self._cost = Money.of(cost, "USD")
        self._usage = usage or Usage(input_tokens=11, output_tokens=7)
        self._model = model

    def available(self, tier: ModelTier, *, confidential: bool = False) -> bool:
        return ("local" if confidential else tier) in self._tiers

    def is_local(self, tier: ModelTier, *, confidential: bool = False) -> bool:
        return tier == "local" or confidential

    def estimate(self, request: ModelRequest) -> ModelEstimate:
        self._placed(request)
        size = len((request.system + request.prompt).encode()) + 200
        return ModelEstimate(
            input_tokens=size + self._usage.input_tokens,
            output_tokens=request.max_tokens + self._usage.output_tokens,
            cost=self._cost.times(2),
            models=(self._model,),
        )

    async def call(self, request: ModelRequest) -> ModelAnswer:
        self._placed(request)
        self.requests.append(request)
        said: Any = self._script.pop(0) if len(self._script) > 1 else self._script[0]
        if callable(said):
            said = said(request)
        if isinstance(said, Exception):
            raise said
        return said if isinstance(said, ModelAnswer) else self._answer(request, said)

    def _placed(self, request: ModelRequest) -> None:
        if not self.available(request.tier, confidential=request.confidential):
            raise ModelPermanent("No fake model may be asked.", code="model.placement")

    def _answer(self, request: ModelRequest, said: str | dict[str, Any]) -> ModelAnswer:
        parsed = said if isinstance(said, dict) else None
        if request.json_schema is not None:
            reasons = violations(parsed, request.json_schema) if parsed is not None else ("it holds no JSON object",)
            if reasons:
                raise self.rejection("model.schema", reasons)
        text = json.dumps(said) if isinstance(said, dict) else said
        if not text.strip():
            raise self.rejection("model.empty", ("the answer was empty",))
        return ModelAnswer(
            text=text,
            parsed=parsed if request.json_schema is not None else None,
            model=self._model,
            endpoint="fake",
            usage=self._usage,
            cost=self._cost,
            latency_ms=1,
        )

    def rejection(self, code: str, reasons: tuple[str, ...] = ()) -> ModelAnswerError:
        """An error for the script: "model.refused", "model.truncated" and so on."""
        return ModelAnswerError(
            f"The model {self._model} at fake gave no useful answer.",
            code=code,
            reasons=reasons,
            hint="Another model may do better.",
            model=self._model,
            endpoint="fake",
            usage=self._usage,
            cost=self._cost,
            attempts=1,
        )

    def lost(self) -> ModelTransient:
        """An error for the script: asked, and the connection was lost in mid-answer."""
        return ModelTransient(
            "No model answered: fake did not answer in full.",
            hint="It is tried again by itself; `agentos doctor` says what is reachable.",
            code="model.lost",
            sent=True,
            usage=self._usage.model_copy(update={"estimated": True}),
            cost=self._cost,
        )
