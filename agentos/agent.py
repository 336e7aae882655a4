"""What an agent is: a manifest, a typed request, a typed result, one async function; and the kit it is handed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import Any, Generic, Literal, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict, Field

Tier = Literal["none", "offline", "small", "large", "local"]
M = TypeVar("M", bound=BaseModel)
T = TypeVar("T")


class Manifest(BaseModel):
    """Declares an agent. The kit hands out exactly what stands here: least privilege by construction.

    capabilities: names from `agentos.capabilities` ("knowledge.search", "web.read", "clients.get", ...).
    effects: what it may propose, as "system.verb". tier: the model tier it asks for by default; "none" uses no model.
    """

    model_config = ConfigDict(frozen=True)

    role: str
    version: str
    outcome: str = Field(description="the business outcome, one sentence")
    tier: Tier = "none"
    calls: int = Field(default=1, description="model calls of one round, for the estimate")
    placement: Literal["edge", "cloud", "any"] = "any"
    capabilities: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    effects: tuple[str, ...] = ()
    failure_modes: tuple[str, ...]
    unwound: str
    act: str = Field(default="", description="what the operator does when it asks or fails, for the runbook")
    kpi: str


class Semantic(Exception):
    """The work came out wrong in substance; `reasons` go back to the step that can mend it.

    `confidence`: how far the work held all the same (0 to 1), for where it is let stand; None where nobody measured.
    """

    def __init__(self, reasons: list[str], confidence: float | None = None) -> None:
        super().__init__("; ".join(reasons))
        self.reasons = reasons
        self.confidence = confidence


class Question(Exception):
    """The agent needs an answer from the operator: the step parks; the answer arrives as `kit.answers[slot]`.

    reasons: what the card lists under "Why it asks", as {"code", "text", "about"}.
    """

    def __init__(
        self, slot: str, text: str, choices: tuple[str, ...] = (), reasons: tuple[dict[str, str], ...] = ()
    ) -> None:
        super().__init__(text)
        self.slot = slot
        self.text = text
        self.choices = choices
        self.reasons = reasons


@dataclass(frozen=True)
class Answer(Generic[T]):
    """A model's answer: `value` is text, or an instance of the asked-for schema. `model` says which model spoke."""

    value: T
    model: str
    cached: bool = False


class Kit(Protocol):
    """All an agent can reach. Every call is recorded once and answered from the record on a second run or a replay."""

    task: str
    step: str
    language: str
    tier: Tier
    now: datetime
    feedback: tuple[str, ...]
    """Reasons of the checker that sent this step back; empty on the first round."""
    answers: dict[str, str]
    """The operator's answers to this step's questions, by slot."""

    @property
    def random(self) -> Random: ...

    def new_id(self) -> str: ...

    async def use(self, capability: str, **arguments: Any) -> Any:
        """A capability's answer, as JSON values. Raises PermissionError for one the manifest does not name."""
        ...

    async def write(self, system: str, prompt: str, *, max_tokens: int = 2000, tier: Tier | None = None) -> Answer[str]:
        """Free text from a model. `kit.tier == "offline"` means there is none: do the work without."""
        ...

    async def fill(
        self, system: str, prompt: str, schema: type[M], *, max_tokens: int = 2000, tier: Tier | None = None
    ) -> Answer[M]:
        """An instance of `schema` from a model; raises Semantic when the model can't be brought to honour it."""
        ...


class Label(BaseModel):
    """Kept with every value: who influenced it, and whose data it holds."""

    model_config = ConfigDict(frozen=True)

    influenced_by: frozenset[str] = frozenset()
    """Of "operator", "knowledge", "web", "mail", "model"."""
    holds: frozenset[str] = frozenset()
    """Client ids."""


class Passage(BaseModel):
    """A piece of a source, as `knowledge.search` and `web.read` return it and agents hand it on."""

    model_config = ConfigDict(frozen=True)

    source: str = Field(description="path below knowledge/ or URL")
    title: str
    heading: str = Field(default="", description="the source's own heading above this piece; empty above the first one")
    place: int = Field(default=0, ge=0, description="which piece of its source this is, counted from 0")
    text: str
    origin: Literal["knowledge", "web"] = "knowledge"
    score: float = 0.0
    blob: str | None = Field(default=None, description="digest of the whole source as it was read")
