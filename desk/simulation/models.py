"""Models that are scripted: they draft from the sources in their prompt, cost money, take their time, and err now and
then. No wire is used."""

from __future__ import annotations

import json
import re
from collections import deque
from datetime import timedelta
from decimal import Decimal
from random import Random
from typing import Any, Literal

from agentos.clock import FixedClock
from agentos.models.errors import ModelPermanent, ModelTransient
from agentos.models.request import ModelAnswer, ModelEstimate, ModelRequest, ModelTier, Usage
from agentos.money import Money

Mishap = Literal["busy", "lost", "made_up", "doubts"]
NAMES = {"small": "scripted-small", "large": "scripted-large"}
PRICES = {"small": (Decimal("0.40"), Decimal("1.60")), "large": (Decimal("2.50"), Decimal("10.00"))}
"""US dollars per million tokens, in and out."""
_SECONDS = {"small": (1.0, 4.0), "large": (4.0, 14.0)}
_SOURCE = re.compile(r'<data label="source (\d+)"[^>]*>\n(.*?)</data', re.DOTALL)
_TOPIC = re.compile(r'<data label="topic"[^>]*>\n(.*?)\n</data', re.DOTALL)
_SENTENCE = re.compile(r"(?<=[.\n] )[A-Z][^.!?\n]{40,}[.]|(?<=\n)[A-Z][^.!?\n]{40,}[.]")
_MADE_UP = "In 2019 a study of 4711 houses found savings of 93 percent"


class ScriptedModels:
    """Implements `ModelPort` for the tiers small and large. Each call takes simulated time from `clock`."""

    def __init__(self, clock: FixedClock, rng: Random) -> None:
        self._clock, self._rng = clock, rng
        self._mishaps: deque[Mishap] = deque()

    def arm(self, *mishaps: Mishap) -> None:
        """What goes wrong in the next calls it can happen to."""
        self._mishaps.extend(mishaps)

    def available(self, tier: ModelTier, *, confidential: bool = False) -> bool:
        return tier in NAMES and not confidential

    def is_local(self, tier: ModelTier, *, confidential: bool = False) -> bool:
        return False

    def estimate(self, request: ModelRequest) -> ModelEstimate:
        name, usage = self._placed(request), _most(request)
        return ModelEstimate(
            input_tokens=usage.input_tokens, output_tokens=usage.output_tokens, cost=_cost(request.tier, usage),
            models=(name,),
        )  # fmt: skip

    async def call(self, request: ModelRequest) -> ModelAnswer:
        name = self._placed(request)
        seconds = round(self._rng.uniform(*_SECONDS[request.tier]), 3)
        self._clock.advance(timedelta(seconds=seconds))
        mishap = self._mishap(request)
        if mishap == "busy":
            raise ModelTransient("No model answered: it is busy.", retry_after=60, code="model.busy")
        if mishap == "lost":
            raise ModelTransient(
                "No model answered: the connection was lost.", code="model.lost", sent=True, usage=_most(request),
                cost=_cost(request.tier, _most(request)),
            )  # fmt: skip
        parsed = _answer(request, mishap)
        text = json.dumps(parsed)
        usage = Usage(input_tokens=_tokens(request.system + request.prompt), output_tokens=_tokens(text))
        return ModelAnswer(
            text=text, parsed=parsed, model=name, endpoint="scripted", usage=usage, cost=_cost(request.tier, usage),
            latency_ms=int(seconds * 1000),
        )  # fmt: skip

    def _placed(self, request: ModelRequest) -> str:
        if not self.available(request.tier, confidential=request.confidential):
            raise ModelPermanent("No scripted model may be asked.", code="model.placement")
        return NAMES[request.tier]

    def _mishap(self, request: ModelRequest) -> Mishap | None:
        if not self._mishaps:
            return None
        fits = {"made_up": "Draft", "doubts": "Opinion"}.get(self._mishaps[0], request.schema_name)
        edits = request.system.startswith("Edit")  # a first draft's invention would only be edited out again
        return self._mishaps.popleft() if fits == request.schema_name and (fits != "Draft" or edits) else None


def _answer(request: ModelRequest, mishap: Mishap | None) -> dict[str, Any]:
    if request.schema_name == "Draft":
        return _draft(request.prompt, made_up=mishap == "made_up")
    if request.schema_name == "Opinion":
        return {"unsupported_sentences": _doubted(request.prompt) if mishap == "doubts" else []}
    if request.schema_name == "Guess":
        return {"workflow": "publish-post", "topic": request.prompt.partition("explains ")[2].split("\n")[0] or None}
    return {"steps": [], "reason": "scripted models plan nothing"}


def _draft(prompt: str, *, made_up: bool) -> dict[str, Any]:
    """Whole sentences of every source, each cited."""
    paragraphs = []
    for number, text in dict(_SOURCE.findall(prompt)).items():
        sentences = _SENTENCE.findall(text)[:3]
        if sentences:
            paragraphs.append(" ".join(f"{sentence.strip()[:-1]} [{number}]." for sentence in sentences))
    if made_up and paragraphs:
        paragraphs.append(f"{_MADE_UP} [1].")
    found = _TOPIC.search(prompt)
    topic = " ".join(found[1].split()) if found else "heat pumps"
    return {
        "title": f"{topic[:1].upper()}{topic[1:]}"[:120],
        "summary": f"What the notes say about {topic}."[:300],
        "markdown": "\n\n".join(paragraphs) or "The sources hold no sentence that could be used here, sadly [1].",
    }


def _doubted(prompt: str) -> list[str]:
    return _SENTENCE.findall(prompt)[-1:]


def _tokens(text: str) -> int:
    return max(1, len(text.encode()) // 4)


def _most(request: ModelRequest) -> Usage:
    return Usage(
        input_tokens=len((request.system + request.prompt).encode()) + 200, output_tokens=request.max_tokens,
        estimated=True,
    )  # fmt: skip


def _cost(tier: str, usage: Usage) -> Money:
    given, made = PRICES[tier]
    total = given * usage.input_tokens + made * usage.output_tokens
    return Money(amount=total / 1_000_000, currency="USD")
