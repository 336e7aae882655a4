"""What a day came to, measured alike on the record and on a what-if's events."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from agentos.effects.port import Amounts
from agentos.tasks.state import CardState, EffectState, TaskState

ASSUMED = (
    "A card that there was not then is taken to be approved at once, and counts as an interruption.",
    "What was not done then is taken to succeed. What was done takes its recorded receipt, failures included.",
    "Models and tools said what they said then: only their cost is computed anew, from the recorded tokens.",
    "It is never stopped, and other tasks are as they were.",
)  # fmt: skip
FATES = ("allowed", "approved", "asked", "denied", "expired", "refused", "struck")
_REFUSED = ("policy.refuses", "amount.absurd")


@dataclass
class Measures:
    """`fates`: what policy and operator said to the effects, undoing aside. `revenue`: gross of invoices that were
    issued and not taken back in the same task. Amounts by currency."""

    tasks: Counter[str] = field(default_factory=Counter)
    fates: Counter[str] = field(default_factory=Counter)
    interruptions: int = 0
    done: int = 0
    tokens: int = 0
    cost: dict[str, Decimal] = field(default_factory=dict)
    revenue: dict[str, Decimal] = field(default_factory=dict)

    def add(self, state: TaskState, fates: Mapping[str, str]) -> None:
        self.tasks[state.status] += 1
        self.fates.update(fates.values())
        self.interruptions += interruptions(state)
        self.tokens += state.tokens
        for currency, amount in state.spent.items():
            _add(self.cost, currency, amount)
        for effect in state.effects.values():
            if effect.is_done and not effect.data["undoes"]:
                self.done += 1
                self._bill(effect)

    def _bill(self, effect: EffectState) -> None:
        data = effect.data
        if (data["system"], data["verb"]) == ("invoice", "issue") and data["amounts"] and not effect.undone_by:
            gross = Amounts.model_validate(data["amounts"]).gross
            _add(self.revenue, gross.currency, gross.amount)

    def plus(self, other: Measures) -> Measures:
        total = Measures(
            self.tasks + other.tasks, self.fates + other.fates, self.interruptions + other.interruptions,
            self.done + other.done, self.tokens + other.tokens, dict(self.cost), dict(self.revenue),
        )  # fmt: skip
        for mine, theirs in ((total.cost, other.cost), (total.revenue, other.revenue)):
            for currency, amount in theirs.items():
                _add(mine, currency, amount)
        return total

    def to_dict(self) -> dict[str, Any]:
        return {
            "tasks": dict(self.tasks), "effects": dict(self.fates), "interruptions": self.interruptions,
            "effects_done": self.done, "tokens": self.tokens,
            "cost": {currency: str(amount) for currency, amount in self.cost.items()},
            "revenue": {currency: str(amount) for currency, amount in self.revenue.items()},
        }  # fmt: skip

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Measures:
        return cls(
            Counter(data["tasks"]), Counter(data["effects"]), data["interruptions"], data["effects_done"],
            data["tokens"], {currency: Decimal(amount) for currency, amount in data["cost"].items()},
            {currency: Decimal(amount) for currency, amount in data["revenue"].items()},
        )  # fmt: skip


def _add(sums: dict[str, Decimal], currency: str, amount: Decimal) -> None:
    sums[currency] = sums.get(currency, Decimal(0)) + amount


def interruptions(state: TaskState) -> int:
    """Cards that ask for something; a notice only wants to be seen."""
    return sum(not card.data["body"].get("notice") for card in state.cards.values())


def fates(state: TaskState, steps: Mapping[str, str]) -> dict[str, str]:
    """effect key -> what became of the question whether it may be done. `steps` says in which step an effect stands
    (`steps_of`): where policy refuses one, nothing of its step is asked any more. Refused and unknown, it stands under
    its step's own name."""
    found: dict[str, str] = {}
    for card in state.cards.values():
        if card.kind == "effects":
            found |= {effect["key"]: _fate(card, effect["key"]) for effect in card.data["effects"]}
    for key, effect in state.effects.items():
        if not effect.data["undoes"]:
            found[key] = "allowed" if effect.data["authority"] == "policy" else "approved"
    for id, step in state.steps.items():
        if step.status == "failed" and step.code in _REFUSED:
            left = [key for key, of in steps.items() if of == id and found.get(key, "asked") == "asked"]
            found |= dict.fromkeys(left or [f"{state.id}/{id}"], "refused")
    return found


def steps_of(state: TaskState) -> dict[str, str]:
    """effect key -> the step that asks for it, as far as it came to be asked for."""
    asked = {e["key"]: card.step for card in state.cards.values() for e in card.data["effects"]}
    return asked | {key: effect.data["step"] for key, effect in state.effects.items() if not effect.data["undoes"]}


def _fate(card: CardState, key: str) -> str:
    if card.status == "granted":
        return "struck" if key in card.struck else "approved"
    return {"denied": "denied", "expired": "expired"}.get(card.status, "asked")
