"""A task in words and small Markdown tables, without a name, a title, a business amount or the operator's text."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from agentos.ids import short
from agentos.tasks.state import CardState, TaskState
from agentos_assets.waits import wait

Described = dict[str, str | int]
_ANSWER = {"effects": "agentos approve {card}", "budget": "agentos approve {card}"}


def describe(state: TaskState) -> Described:
    """Heading -> Markdown text or number, in the order a person reads; what does not apply is left out."""
    goal = f"{_workflow(state)}, asked for through {state.trigger or 'the log'}"
    found: Described = {
        "goal": f"{goal}\n\nin words: `agentos show {short(state.id)}`",
        "status": state.status + (" (rehearsal: nothing is done outside)" if state.rehearsal else ""),
    }
    sections = {
        "why parked": _parked(state),
        "waiting for you": _cards(state),
        "steps": _steps(state),
        "effects": _effects(state),
        "estimate": _estimate(state),
        "cost": _cost(state),
    }
    found |= {heading: text for heading, text in sections.items() if text}
    return found | {"model calls": state.model_calls, "tokens": state.tokens, "task": f"`{state.id}`"}


def _workflow(state: TaskState) -> str:
    return str((state.plan or {}).get("workflow") or "not planned yet")


def _parked(state: TaskState) -> str:
    if state.status != "parked":
        return ""
    return "\n".join(f"- {_wait(state, why)}" for why in state.parked)


def _wait(state: TaskState, why: dict[str, Any]) -> str:
    waits = f"it waits for {wait(why['kind'])}"
    if why.get("until"):
        return f"{waits}: `{why['on']}` goes on by itself at {moment(datetime.fromisoformat(why['until']))}"
    card = state.cards.get(why.get("on") or "")
    return f"{waits}: card `{short(card.id)}` is {card.status}" if card else f"{waits}: `{why['on']}`"


def _cards(state: TaskState) -> str:
    return "\n".join(f"- {_card(card)}" for card in state.open_cards())


def _card(card: CardState) -> str:
    name = short(card.id)
    until = f", until {moment(card.expires_at)}" if card.expires_at else ""
    return f"card `{name}` ({card.kind}){until}\n  - look: `agentos show {name}`\n  - answer: `{answer(card)}`"


def answer(card: CardState) -> str:
    """The command that answers it."""
    return _ANSWER.get(card.kind, "agentos answer {card} TEXT").format(card=short(card.id))


def _steps(state: TaskState) -> str:
    planned = [step["id"] for step in (state.plan or {}).get("steps", ())]
    rows = []
    asking = {card.step for card in state.open_cards()}
    for id in dict.fromkeys([*planned, *(id for id, step in state.steps.items() if step.status != "new")]):
        step = state.steps.get(id)
        if step is None:
            rows.append([id, "", "not begun", "", "", ""])
            continue
        sure = "" if step.confidence is None else f"{step.confidence:.0%}"
        status = "waits for you" if id in asking else {"new": "not begun"}.get(step.status, step.status)
        if step.code and step.status in ("failed", "waiting"):
            status += f" ({step.code})"
        rows.append([id, step.agent, status, str(step.round), step.tier, sure])
    return table(["step", "agent", "status", "round", "tier", "confidence"], rows)


def _effects(state: TaskState) -> str:
    rows = []
    for effect in state.effects.values():
        status = "undone" if effect.undone_by else effect.status
        ref = str((effect.receipt or {}).get("ref", "")).strip("<>`")
        rows.append([str(effect.data["system"]), str(effect.data["verb"]), status, f"`{ref}`" if ref else ""])
    return table(["system", "verb", "status", "receipt"], rows)


def _estimate(state: TaskState) -> str:
    estimate = state.estimate or {}
    cost = estimate.get("cost")
    parts = [f"models {cost['amount']} {cost['currency']}" if cost else ""]
    parts += [
        f"lane {estimate['lane']}" if estimate.get("lane") else "",
        f"tier {estimate['tier']}" if estimate.get("tier") else "",
    ]
    parts += [f"{estimate['interruptions']} card(s)" if estimate.get("interruptions") is not None else ""]
    return ", ".join(part for part in parts if part)


def _cost(state: TaskState) -> str:
    spent = ", ".join(f"{amount} {currency}" for currency, amount in sorted(state.spent.items())) or "0"
    took = (
        f", {(state.closed_at - state.opened_at).total_seconds():.0f} s from opening to end"
        if state.closed_at and state.opened_at
        else ""
    )
    return f"models {spent}, {len(state.cards)} card(s){took}"


def table(head: list[str], rows: list[list[str]]) -> str:
    """A Markdown table; empty without rows."""
    if not rows:
        return ""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
