"""A kit for tests: capabilities and model answers are scripted, and what was asked is kept."""

from __future__ import annotations

import inspect
import random
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from agentos.agent import Answer, Manifest, Semantic, Tier
from agentos.ids import uuid7

M = TypeVar("M", bound=BaseModel)


class FakeKit:
    """Implements `agentos.agent.Kit`.

    capabilities: name -> a value, or a function of the call's arguments (it may raise, it may be async).
    answers_of_model: what the model says, in order; texts, dicts (for `fill`) or exceptions to raise. A dict that does
    not fit the schema raises Semantic, as the real kit does. Running out of answers is an AssertionError.
    `used` holds (capability, arguments); `asked` holds (tier, system, prompt).
    """

    def __init__(
        self,
        manifest: Manifest | None = None,
        *,
        capabilities: Mapping[str, Any] | None = None,
        answers_of_model: Sequence[Any] = (),
        tier: Tier = "offline",
        language: str = "en",
        feedback: Sequence[str] = (),
        answers: Mapping[str, str] | None = None,
        task: str = "0190a3b4-0000-7000-8000-000000000001",
        step: str = "step",
        now: datetime = datetime(2026, 3, 2, 9, 0, tzinfo=UTC),
    ) -> None:
        self.manifest = manifest
        self.capabilities = dict(capabilities or {})
        self.script = list(answers_of_model)
        self.tier: Tier = tier
        self.language = language
        self.feedback = tuple(feedback)
        self.answers = dict(answers or {})
        self.task = task
        self.step = step
        self.now = now
        self.random = random.Random(7)
        self.used: list[tuple[str, dict[str, Any]]] = []
        self.asked: list[tuple[Tier, str, str]] = []
        self._ids = 0

    def new_id(self) -> str:
        self._ids += 1
        return uuid7(1_772_000_000_000, self._ids.to_bytes(10, "big"))

    async def use(self, capability: str, **arguments: Any) -> Any:
        if self.manifest is not None and capability not in self.manifest.capabilities:
            raise PermissionError(f"{self.manifest.role} does not declare {capability}")
        self.used.append((capability, arguments))
        value = self.capabilities[capability]
        if callable(value):
            value = value(**arguments)
        return await value if inspect.isawaitable(value) else value

    async def write(self, system: str, prompt: str, *, max_tokens: int = 2000, tier: Tier | None = None) -> Answer[str]:
        return Answer(str(self._next(system, prompt, tier)), "fake")

    async def fill(
        self, system: str, prompt: str, schema: type[M], *, max_tokens: int = 2000, tier: Tier | None = None
    ) -> Answer[M]:
        said = self._next(system, prompt, tier)
        try:
            return Answer(schema.model_validate(said), "fake")
        except ValidationError as error:
            raise Semantic([f"the model's answer does not fit: {error.error_count()} faults"]) from error

    def _next(self, system: str, prompt: str, tier: Tier | None) -> Any:
        assert self.tier not in ("offline", "none"), "a model was asked though there is none"
        assert self.script, "the model was asked more often than the test expects"
        self.asked.append((tier or self.tier, system, prompt))
        said = self.script.pop(0)
        if isinstance(said, BaseException):
            raise said
        return said
