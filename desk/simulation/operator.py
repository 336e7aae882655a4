"""How the operator answers what waits for her: mostly yes, now and then an edit, a stroke, a no, or nothing at all."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from agentos.errors import Refused
from agentos.tasks.answers import Desk
from agentos.tasks.state import CardState, TaskState
from desk.simulation.business import REASONS

_ANSWERS = {
    "amount": "480 EUR net", "description": "the work of last week", "topic": "heat pumps for older houses",
    "due": "none", "title": "What to know before winter", "paid_on": "none",
}  # fmt: skip
_TITLES = ("What {topic} really means", "A short guide to {topic}", "Before you decide: {topic}")


@dataclass(frozen=True)
class Operator:
    """Her hand on the log. What she says is drawn from `rng`, which the caller seeds for each card."""

    desk: Desk

    def answer(self, state: TaskState, card: CardState, rng: Random) -> str:
        """Answer it; returns what she did in a word. "" where she lets it lie."""
        try:
            if card.kind == "effects":
                return self._judge(state, card, rng)
            if card.kind == "budget":
                self.desk.approve(card.id)
                return "approved"
            self.desk.answer(card.id, _words(card, rng))
        except Refused:  # meanwhile it was withdrawn, superseded or has expired
            return ""
        return "answered"

    def _judge(self, state: TaskState, card: CardState, rng: Random) -> str:
        drawn = rng.random()
        slots = [effect["slot"] for effect in card.data["effects"]]
        edited = any(one.data["step"] == card.step and one.status == "edited" for one in state.cards.values())
        if drawn < 0.06:
            self.desk.deny(card.id, rng.choice(REASONS))
            return "denied"
        if drawn < 0.17 and "post" in slots and not edited:
            topic = str(((state.understanding or {}).get("slots") or {}).get("topic") or "this")
            self.desk.edit(card.id, "draft", {"title": rng.choice(_TITLES).format(topic=topic)})
            return "edited"
        if drawn < 0.20 and "mail" in slots:
            self.desk.approve(card.id, struck=("mail",))
            return "struck"
        if drawn < 0.23:
            return ""
        self.desk.approve(card.id)
        return "approved"


def _words(card: CardState, rng: Random) -> str:
    question = card.data["question"] or {}
    choices, slot = list(question.get("choices") or ()), question.get("slot", "")
    if card.kind == "doubt":
        return "look again" if card.data["body"].get("nth", 1) == 1 else "it happened"
    if "seen" in choices:
        return "seen"
    if card.kind == "failure":
        return str(rng.choice([choice for choice in choices if choice != "leave"]))
    if choices:
        return str(rng.choice(choices[:3]))
    return _ANSWERS.get(slot, "480 EUR net")
