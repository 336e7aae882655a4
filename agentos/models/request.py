"""What is asked of a model and what comes back. Both are values: the request's digest names it in the record."""

from __future__ import annotations

import hashlib
from typing import Any, Literal, Protocol

import orjson
from pydantic import BaseModel, ConfigDict, Field

from agentos.money import Money

ModelTier = Literal["small", "large", "local"]


class ModelRequest(BaseModel):
    """One question to a tier. `json_schema` (a JSON schema as a dict) asks for an object instead of text.

    `confidential` requests go to endpoints marked `local = true` and nowhere else.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    tier: ModelTier
    system: str
    prompt: str
    json_schema: dict[str, Any] | None = None
    schema_name: str = Field(default="answer", pattern=r"^[a-zA-Z0-9_-]{1,64}$")
    max_tokens: int = Field(default=2000, gt=0)
    temperature: float = Field(default=0, ge=0, le=2)
    confidential: bool = False

    def digest(self) -> str:
        """SHA-256 over all fields as canonical JSON (sorted keys): the same question has the same digest for ever."""
        return hashlib.sha256(canonical(self.model_dump())).hexdigest()


class Usage(BaseModel):
    """Tokens spent. `estimated`: the server named none (or the answer was lost), so these are bounds from above."""

    model_config = ConfigDict(frozen=True)

    input_tokens: int = Field(default=0, ge=0)
    output_tokens: int = Field(default=0, ge=0)
    cached_input_tokens: int = Field(default=0, ge=0, description="of the input, read from the provider's own cache")
    estimated: bool = False
    reported_tokens: int = Field(default=0, ge=0, description="what the server claimed, where that can't be")

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            cached_input_tokens=self.cached_input_tokens + other.cached_input_tokens,
            estimated=self.estimated or other.estimated,
            reported_tokens=self.reported_tokens + other.reported_tokens,
        )


class ModelAnswer(BaseModel):
    """A model's answer, with what it cost over all attempts (repairs and lost ones included).

    `endpoint` is host and port only. `cost` is in the currency of the prices (US dollars). `parsed` is set when a
    schema was asked for, and honours it. A cached answer costs nothing and used no tokens.
    """

    model_config = ConfigDict(frozen=True)

    text: str
    parsed: dict[str, Any] | None = None
    model: str
    endpoint: str
    usage: Usage
    cost: Money
    latency_ms: int = Field(ge=0)
    cached: bool = False
    attempts: int = Field(default=1, ge=0)


class ModelEstimate(BaseModel):
    """The most that one `call` can spend, over all its attempts: what is to be reserved before it."""

    model_config = ConfigDict(frozen=True)

    input_tokens: int
    output_tokens: int
    cost: Money
    models: tuple[str, ...]


class ModelPort(Protocol):
    """Models as the coordinator sees them; `Models` is the real one, `tests/fakes/models.py` has the scripted one."""

    def available(self, tier: ModelTier, *, confidential: bool = False) -> bool:
        """Whether some endpoint may be asked: configured, its key present, its placement allowed."""
        ...

    def is_local(self, tier: ModelTier, *, confidential: bool = False) -> bool:
        """Whether nothing asked of this tier leaves the operator's own machines, whichever endpoint answers."""
        ...

    def estimate(self, request: ModelRequest) -> ModelEstimate:
        """An upper bound of what `call(request)` spends. Raises UnknownPrice, Missing, Permanent."""
        ...

    async def call(self, request: ModelRequest) -> ModelAnswer:
        """Ask. Raises ModelTransient, ModelPermanent, ModelAnswerError (with what was spent); what estimate raises."""
        ...


def canonical(value: Any) -> bytes:
    """JSON with sorted keys and no spaces: what digests are taken over."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
