"""From what happened on the wire to the error a person reads: one sentence, and which line or variable to look at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from agentos.models.answers import Rejected
from agentos.models.candidates import Candidate, key_variable
from agentos.models.errors import ModelAnswerError, ModelPermanent, ModelTransient
from agentos.models.exchange import Failure
from agentos.models.tab import Tab

_KINDS = {
    "unsent": "could not be reached",
    "busy": "turned us away",
    "lost": "did not answer in full",
    "circuit": "failed too often just now",
}
_SENTENCES = {
    "model.schema": "did not bring its answer into the form that was asked for",
    "model.refused": "refused to answer",
    "model.empty": "gave an empty answer",
    "model.truncated": "did not come to an end within the length it was given",
    "model.garbled": "sent something that is no answer",
}


@dataclass(frozen=True)
class Failed:
    """An endpoint that gave no answer this time; another one, or a later time, may."""

    label: str
    kind: Literal["unsent", "busy", "lost", "circuit"]
    status: int = 0
    retry_after: float | None = None

    @property
    def again(self) -> bool:
        """Worth asking once more right away: nothing was billed and nothing is in doubt."""
        return self.kind in ("unsent", "busy")

    def __str__(self) -> str:
        return f"{self.label} {_KINDS[self.kind]}{f' ({self.status})' if self.status else ''}"


def gave_up(failed: list[Failed], tab: Tab) -> ModelTransient:
    """No endpoint answered. `retry_after` is named only if every endpoint that was asked named one: the soonest."""
    waits = [f.retry_after for f in failed]
    named = [w for w in waits if w is not None]
    return ModelTransient(
        f"No model answered: {', '.join(map(str, failed))}.",
        retry_after=min(named) if named and len(named) == len(waits) else None,
        hint="It is tried again by itself; `agentos doctor` says what is reachable.",
        code="model.lost" if tab.lost else "",
        sent=tab.lost,
        usage=tab.usage,
        cost=tab.cost,
    )


def rejected(verdict: Rejected, candidate: Candidate, tab: Tab) -> ModelAnswerError:
    hints = {"model.truncated": f"Raise max_output_tokens {_where(candidate)}, or ask for less."}
    if candidate.endpoint.structured == "json_schema":
        hints["model.schema"] = f'A server without JSON schemas wants structured = "prompt" {_where(candidate)}.'
    return ModelAnswerError(
        f"The model {candidate.endpoint.model} at {candidate.label} {_SENTENCES[verdict.code]}.",
        code=verdict.code,
        reasons=verdict.reasons,
        hint=hints.get(verdict.code, "Another model may do better."),
        model=candidate.endpoint.model,
        endpoint=candidate.label,
        usage=tab.usage,
        cost=tab.cost,
        attempts=tab.attempts,
    )


def garbled(candidate: Candidate, tab: Tab) -> ModelAnswerError:
    return ModelAnswerError(
        f"{candidate.label} {_SENTENCES['model.garbled']}.",
        code="model.garbled",
        reasons=("the body was no chat completion in UTF-8 JSON",),
        hint=f"Check base_url {_where(candidate)}: it usually ends in /v1.",
        model=candidate.endpoint.model,
        endpoint=candidate.label,
        usage=tab.usage,
        cost=tab.cost,
        attempts=tab.attempts,
    )


def refused(failure: Failure, candidate: Candidate, tab: Tab) -> ModelPermanent:
    """The endpoint's no, by its status. Its own words are not repeated: they may hold the key."""
    sentence, code, hint = _no(failure, candidate)
    said = f"{failure.status} {failure.code}".strip()
    return ModelPermanent(
        f"{candidate.label} {sentence} ({said}).", code=code, hint=hint, usage=tab.usage, cost=tab.cost
    )


def _no(failure: Failure, candidate: Candidate) -> tuple[str, str, str]:
    variable = key_variable(candidate.endpoint)
    model, where = candidate.endpoint.model, _where(candidate)
    if failure.status in (401, 403):
        place = f"Check the environment variable {variable}" if variable else f"Set api_key_env {where}"
        return "does not accept our key", "model.key", f"{place}; `agentos doctor` tries it."
    if failure.status == 402:
        return "has no credit left for us", "model.credit", f"Top up the account, or name another model {where}."
    if failure.status == 404:
        return f"does not know {model}", "model.unknown", f"Check model and base_url {where}."
    if 300 <= failure.status < 400:
        return "sends us elsewhere", "model.redirect", f"Write the address it means as base_url {where}."
    hint = f'If it knows no JSON schemas, write structured = "prompt" {where}.'
    return "can't take this request", "model.request", hint


def _where(candidate: Candidate) -> str:
    return f"under the [[models.{candidate.tier}]] of {candidate.endpoint.model} in agentos.toml"
