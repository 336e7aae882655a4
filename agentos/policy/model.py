"""`policy.toml` as typed values: what may happen without asking, and how much it may cost.

A missing file is the strictest policy: no action has a rule, so every effect asks. `template.toml` is what
`agentos init` writes and says in comments what each line means.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from agentos.workspace.model import MOST_DAYS, Currency, Percent, Settings


def _exact(value: object) -> object:
    if isinstance(value, float):
        raise ValueError('write the amount as text, such as "499.50"')
    return value


Amount = Annotated[Decimal, BeforeValidator(_exact), Field(ge=0, le=10**12, allow_inf_nan=False)]
Rate = Annotated[Decimal, BeforeValidator(_exact), Field(gt=0, le=10**9, allow_inf_nan=False)]
Kind = Annotated[str, Field(pattern=r"^[a-z_]+\.[a-z_]+$", description="system and verb, such as invoice.issue")]


class Rule(Settings):
    """One kind of effect. `below` is gross, in the policy's currency, summed per client and day: from it on it asks.

    `only_after` names another kind: it asks unless it follows one of those in the same task, and was allowed with it.
    """

    autonomy: Literal["allow", "ask", "refuse"]
    below: Amount | None = None
    only_after: Kind | None = None
    known_clients_only: bool = True
    look_alikes: bool = False
    ask_first_time: bool = False


class LookAlikes(Settings):
    """When an earlier effect for the same client is near enough to be named beside a new one."""

    share: Percent = Field(default=Decimal(10), description="how far the amounts may differ, in percent")
    days: int = Field(default=30, ge=0, le=MOST_DAYS)


class Budget(Settings):
    """The most that models may use. None: no limit of this kind."""

    cost: Amount | None = None
    tokens: int | None = Field(default=None, ge=0)


class Budgets(Settings):
    """`day` and `month` are the calendar's, in the business's time zone. `--budget` takes the place of `task.cost`."""

    task: Budget = Budget(cost=Decimal(1))
    day: Budget = Budget(cost=Decimal(5))
    month: Budget = Budget(cost=Decimal(50))


class Approvals(Settings):
    """How long a card waits for an answer, and how long before its end it warns."""

    expires_hours: int = Field(default=72, ge=1, le=24 * MOST_DAYS)
    warn_hours: int = Field(default=12, ge=0, le=24 * MOST_DAYS)

    @model_validator(mode="after")
    def _warns_before(self) -> Approvals:
        if self.warn_hours >= self.expires_hours:
            raise ValueError("warn_hours must be smaller than expires_hours")
        return self


class Attention(Settings):
    """The operator's own budget: above it, cards of low urgency wait until the next day."""

    cards_per_day: int | None = Field(default=None, ge=1)


class Lanes(Settings):
    """Whether model work of low urgency waits for the night. The night's hours stand in agentos.toml."""

    low_urgency_overnight: bool = False


class Repairs(Settings):
    """How many differences between the log and the outside world become a repair task on one day; others wait."""

    per_day: int = Field(default=5, ge=0, le=1000)


class Policy(Settings):
    """`policy.toml`. Amounts are in `currency`; `rates` says what one unit of another currency costs in it."""

    currency: Currency = "EUR"
    min_confidence: float = Field(default=0.6, ge=0, le=1)
    actions: dict[Kind, Rule] = {}
    look_alikes: LookAlikes = LookAlikes()
    budgets: Budgets = Budgets()
    rates: dict[Currency, Rate] = {}
    approvals: Approvals = Approvals()
    attention: Attention = Attention()
    hours: Lanes = Lanes()
    repairs: Repairs = Repairs()

    def rule(self, system: str, verb: str) -> Rule | None:
        return self.actions.get(f"{system}.{verb}")
