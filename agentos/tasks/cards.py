"""Cards: what a person can judge in five seconds. Made here, answered in `agentos.tasks.answers`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from agentos.agent import Question
from agentos.events.record import NewEvent
from agentos.events.types import ApprovalRequested, ApprovalSuperseded
from agentos.ids import uuid7
from agentos.tasks.run import TaskRun
from agentos.tasks.values import digest_of


async def ask(run: TaskRun, step: str, question: Question) -> None:
    """A question to the operator: its answer comes back to the step as `kit.answers[slot]`."""
    content = {"slot": question.slot, "text": question.text, "choices": list(question.choices)}
    await request(run, step, kind="question", title=question.text, reasons=question.reasons, question=content)


async def request(
    run: TaskRun,
    step: str,
    *,
    kind: Any,
    title: str,
    reasons: Sequence[dict[str, Any]] = (),
    effects: Sequence[dict[str, Any]] = (),
    question: dict[str, Any] | None = None,
    choices: Sequence[str] = (),
    body: dict[str, Any] | None = None,
    expires_at: datetime | None = None,
    after: Sequence[NewEvent] = (),
) -> str:
    """Request an approval, once: an open card that says the same stands; one that says something else is superseded.

    `after` are events recorded just before it, in the same append. Returns the card's id.
    """
    asked = question or ({"slot": "decision", "text": title, "choices": list(choices)} if choices else None)
    content = digest_of([kind, step, title, list(reasons), [e["digest"] for e in effects], asked, _lasting(body)])
    events: list[NewEvent] = []
    for card in run.state.open_cards():
        if card.step == step:
            if card.data["body"].get("content") == content:
                if after:
                    await run.record(*after)
                return card.id
            why = "what it asked for has changed"
            superseded = ApprovalSuperseded(card=card.id, why=why)
            events.append(run.event(superseded, key=f"approval.superseded/{card.id}"))
    card_id = uuid7(int(run.now().timestamp() * 1000))
    fact = ApprovalRequested(
        card=card_id, kind=kind, step=step, title=title, effects=list(effects), reasons=list(reasons), question=asked,
        expires_at=expires_at, body={"content": content, "spent": spent(run)} | (body or {}),
    )  # fmt: skip
    nth = sum(1 for card in run.state.cards.values() if card.step == step) + 1
    events.append(run.event(fact, key=f"approval.requested/{run.task}/{step}/{nth}"))
    await run.record_open(*events, always=after)
    return card_id


def _lasting(body: dict[str, Any] | None) -> dict[str, Any]:
    """What makes two cards different: not the moment at which they warn."""
    return {key: value for key, value in (body or {}).items() if key != "warns_at"}


def spent(run: TaskRun) -> list[dict[str, str]]:
    """What the task has cost so far, per currency."""
    return [{"amount": str(amount), "currency": currency} for currency, amount in sorted(run.state.spent.items())]
