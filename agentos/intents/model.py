"""What somebody asked for: the raw intent in one shape for every channel, and what the rules made of it."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from agentos.errors import AgentOSError

Channel = Literal["terminal", "mail", "webhook", "voice", "schedule", "web"]
Workflow = Literal[
    "produce-and-invoice", "publish-post", "send-invoice", "research-brief", "record-payment", "answer-question"
]  # fmt: skip


class IntentRejected(AgentOSError):
    """The text can't become a task. The caller has recorded the raw text before it asks, so nothing is lost."""

    code = "intent.rejected"


class Intent(BaseModel):
    """One request, whatever way it came in. `text` is exactly what was received."""

    model_config = ConfigDict(frozen=True)

    id: str
    text: str
    channel: Channel
    author: str
    received_at: datetime


class OpenQuestion(BaseModel):
    """A slot that could not be filled without guessing. Each of `choices` is an answer that will be understood."""

    model_config = ConfigDict(frozen=True)

    slot: str
    text: str
    choices: tuple[str, ...] = ()


SLOTS = (
    "topic", "title", "client", "amount", "description", "due", "urls", "invoice", "paid_on", "question", "query",
    "first", "last", "task",
)  # fmt: skip
"""What rules can fill; a recipe's `requires` may name others, which are asked for."""


class Understanding(BaseModel):
    """What was asked for. All values of `slots` are JSON:

    topic, description, title: text; client: id; amount: {"amount": "1200.00", "currency": "EUR", "basis": "net"};
    due: "2026-12-15"; urls: list of addresses; of a payment, invoice: its number, paid_on: "2026-11-20".
    Of a question: question (which of the known ones), query (a typed one, see `agentos.views.query`), first and last
    (days, both included), task.
    A slot stands in `slots` or in `questions`, never in both.
    `workflow` None with no questions: a clear goal that has no recipe.
    """

    model_config = ConfigDict(frozen=True)

    goal: str
    workflow: Workflow | None = None
    slots: dict[str, Any] = {}
    questions: tuple[OpenQuestion, ...] = ()
    sensitivity: Literal["normal", "confidential"] = "normal"
    urgency: Literal["low", "normal", "high"] = "normal"
    language: Literal["en", "de", "unknown"] = "unknown"
    unread: tuple[str, ...] = ()
    """Words of a request for an invoice that no rule has read: a card quotes them before anything is done."""
