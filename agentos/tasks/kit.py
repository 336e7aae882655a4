"""The kit an agent is handed: it reaches what the manifest declares, and every call is recorded once.

Calls are matched by (step, round, request digest, nth): a step that runs again after a crash gets the recorded answers,
and asks only for what is not recorded yet. A replay has a kit that can ask for nothing.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from functools import cached_property
from random import Random
from typing import Any, Protocol

from pydantic import ValidationError

from agentos.agent import Answer, M, Manifest, Semantic, Tier
from agentos.ids import uuid7
from agentos.models.request import ModelRequest
from agentos.tasks.rows import clients_of
from agentos.tasks.values import digest_of

INFLUENCE = {"knowledge.search": "knowledge", "web.read": "web"}


class Caller(Protocol):
    """Answers a kit's calls: live and recording (`agentos.tasks.calls`), or from the record alone (`replay`)."""

    async def tool(self, capability: str, arguments: dict[str, Any], request: str, nth: int) -> Any: ...

    async def model(self, request: ModelRequest, digest: str, nth: int) -> dict[str, Any]:
        """{"text", "parsed", "model", "cached"}"""
        ...


class AgentKit:
    """Implements `agentos.agent.Kit` over a Caller."""

    def __init__(
        self,
        caller: Caller,
        manifest: Manifest,
        *,
        task: str,
        step: str,
        language: str,
        tier: Tier,
        now: datetime,
        seed: str,
        feedback: tuple[str, ...] = (),
        answers: dict[str, str] | None = None,
        confidential: bool = False,
        insists: bool = False,
    ) -> None:
        """`insists`: the task's knobs have chosen the tier, for all calls of the step."""
        self.task, self.step, self.language, self.tier, self.now = task, step, language, tier, now
        self._seed = seed
        self.feedback = feedback
        self.answers = answers or {}
        self.influences: set[str] = set()
        self.holds: set[str] = set()
        self._caller = caller
        self._manifest = manifest
        self._confidential = confidential
        self._insists = insists
        self._seen: Counter[str] = Counter()

    @cached_property
    def random(self) -> Random:
        """Reproducible on purpose. Made when first asked for: seeding costs as much as a commit's own code."""
        return Random(self._seed)  # noqa: S311

    def new_id(self) -> str:
        return uuid7(int(self.now.timestamp() * 1000), self.random.randbytes(10))

    async def use(self, capability: str, **arguments: Any) -> Any:
        if capability not in self._manifest.capabilities:
            raise PermissionError(f"{self._manifest.role} does not declare the capability {capability}")
        if capability in INFLUENCE:
            self.influences.add(INFLUENCE[capability])
        if capability == "clients.get":
            self.holds.add(str(arguments.get("id")))
        request = digest_of([capability, arguments])
        answer = await self._caller.tool(capability, arguments, request, self._nth(request))
        self.holds |= clients_of(answer)
        return answer

    async def write(self, system: str, prompt: str, *, max_tokens: int = 2000, tier: Tier | None = None) -> Answer[str]:
        answer = await self._ask(
            ModelRequest(
                tier=self._model_tier(tier),
                system=system,
                prompt=prompt,
                max_tokens=max_tokens,
                confidential=self._confidential,
            )
        )
        return Answer(answer["text"], answer["model"], answer["cached"])

    async def fill(
        self, system: str, prompt: str, schema: type[M], *, max_tokens: int = 2000, tier: Tier | None = None
    ) -> Answer[M]:
        answer = await self._ask(
            ModelRequest(
                tier=self._model_tier(tier),
                system=system,
                prompt=prompt,
                max_tokens=max_tokens,
                confidential=self._confidential,
                json_schema=schema.model_json_schema(),
                schema_name=schema.__name__[:64],
            )
        )
        try:
            value = schema.model_validate(answer["parsed"])
        except ValidationError as error:
            places = [".".join(map(str, e["loc"])) + ": " + e["msg"] for e in error.errors()]
            raise Semantic([f"the model's answer does not fit: {place}" for place in places]) from None
        return Answer(value, answer["model"], answer["cached"])

    async def _ask(self, request: ModelRequest) -> dict[str, Any]:
        self.influences.add("model")
        digest = request.digest()
        return await self._caller.model(request, digest, self._nth(digest))

    def _model_tier(self, tier: Tier | None) -> Any:
        chosen = tier or self.tier
        if chosen in ("none", "offline") or self._manifest.tier == "none":
            raise PermissionError(f"{self._manifest.role} has no model at hand (tier {chosen})")
        # A tight budget lowers the whole step, a tight deadline raises it; else an agent may ask for less.
        return self.tier if self._insists or self.tier in ("small", "local") else chosen

    def _nth(self, request: str) -> int:
        self._seen[request] += 1
        return self._seen[request]
