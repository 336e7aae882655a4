"""One request and the ways it can end, as values: what `wire.ask` takes and returns. Light to import."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from agentos.models.request import Usage


@dataclass(frozen=True)
class Exchange:
    """What is sent. `messages` are (role, text) with the roles system, user and assistant."""

    messages: tuple[tuple[str, str], ...]
    max_tokens: int
    temperature: float | None
    response_format: dict[str, Any] | None = None


@dataclass(frozen=True)
class Reply:
    """The endpoint answered. `finish` is OpenAI's finish_reason; `usage` is None when the server named none."""

    text: str
    finish: str
    refused: bool
    usage: Usage | None


@dataclass(frozen=True)
class Failure:
    """It did not. unsent: never reached it. busy: it turned us away, unbilled. lost: sent, and no whole answer came.
    garbled: what came is not an answer. refused: it will not take this request, now or later.

    `code` is the endpoint's own short word for it, if it gave one; `retry_after` in seconds.
    """

    kind: Literal["unsent", "busy", "lost", "garbled", "refused"]
    status: int = 0
    code: str = ""
    param: str = ""
    retry_after: float | None = None
