"""The exact-match cache: the same question to the same model, asked with temperature 0, is not paid for twice."""

from __future__ import annotations

import hashlib
from typing import Protocol

from agentos.models.request import ModelAnswer, ModelRequest, canonical
from agentos.workspace.model import ModelEndpoint


class Cache(Protocol):
    """Answers by key. The coordinator backs it by the event log; only answers that honour their schema are put."""

    def get(self, key: str) -> ModelAnswer | None: ...

    def put(self, key: str, answer: ModelAnswer) -> None: ...


class MemoryCache:
    """For one process, without a bound: tests and rehearsals."""

    def __init__(self) -> None:
        self._answers: dict[str, ModelAnswer] = {}

    def get(self, key: str) -> ModelAnswer | None:
        return self._answers.get(key)

    def put(self, key: str, answer: ModelAnswer) -> None:
        self._answers[key] = answer


def cache_key(request: ModelRequest, endpoint: ModelEndpoint) -> str:
    """The request's digest and who is asked: another model's answer is another answer."""
    parts = [request.digest(), endpoint.model, endpoint.base_url, endpoint.structured, endpoint.max_output_tokens]
    return hashlib.sha256(canonical(parts)).hexdigest()
