"""Budgets: would this call's upper bound still fit? Reserved before, settled after, closed where a rate is missing."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction

from agentos.money import Money
from agentos.policy.actions import Context, Decision, Defer, ModelAction, NeedsApproval, Reason, Refuse, Spend
from agentos.policy.hours import next_day, next_month
from agentos.policy.model import Budget, Policy


class _NoRateError(Exception):
    """There is no rate for this currency."""

    def __init__(self, currency: str) -> None:
        super().__init__(currency)
        self.currency = currency


@dataclass(frozen=True)
class _Limit:
    """One budget: its name in policy.toml, its limits in the policy's currency, what is spent, when it starts anew."""

    name: str
    label: str
    budget: Budget
    spent: Spend
    until: datetime | None
    given: Money | None = None
    """The cost limit as the operator gave it, in her currency."""


def over_budget(action: ModelAction, context: Context, policy: Policy) -> Decision | None:
    """None where the call fits into task, day and month.

    A call that does not fit into an empty day or month is refused; one that does not fit into what is left of them
    waits; one that does not fit into its task asks, and each approval gives the task as much again.
    """
    try:
        return _over(action, context, policy)
    except _NoRateError as missing:
        return Refuse(
            "rate.missing",
            f"There is no rate from {missing.currency} to {policy.currency}, so the budget can't be kept.",
            f'Add {missing.currency} = "..." (one {missing.currency} in {policy.currency}) to [rates] in policy.toml.',
        )


def _over(action: ModelAction, context: Context, policy: Policy) -> Decision | None:
    """A missing rate counts before any limit: who has spent more must not get off with a wait."""
    cost = _cost(action, policy)
    month, day, task = limits = _limits(context, policy)
    spent = {limit.name: _spent(limit, policy) for limit in limits}
    for limit in (month, day):
        if _exceeds(limit, cost, action.tokens, Decimal(0), 0):
            return _too_large(limit)
    for limit in (month, day):
        if limit.until is not None and _exceeds(limit, cost, action.tokens, *spent[limit.name]):
            return Defer(limit.until, _used_up(limit, policy))
    if _exceeds(task, cost, action.tokens, *spent[task.name]):
        return _ask_for_more(task, cost, action.tokens, context, policy)
    return None


def _ask_for_more(task: _Limit, cost: Decimal, tokens: int, context: Context, policy: Policy) -> Decision | None:
    """`about` is how many further budgets the task then has: a grant lets it go that far and no further."""
    spent, used = _spent(task, policy)
    if 0 in (task.budget.cost if cost > 0 else None, task.budget.tokens if tokens else None):
        return Refuse("budget.task_zero", "This task may cost nothing.", "Give it a budget with --budget, or no model.")
    more = max(_times(spent + cost, task.budget.cost), _times(used + tokens, task.budget.tokens)) - 1
    granted = [r.about for r in context.granted if r.code == "budget.task" and r.about.isdecimal()]
    if any(int(about) >= more for about in granted):
        return None
    return NeedsApproval((_used_up(task, policy, more),))


def _times(wanted: Decimal | int, limit: Decimal | int | None) -> int:
    """How many budgets of this size are needed, rounded up."""
    return math.ceil(Fraction(wanted) / Fraction(limit)) if limit else 0


def _limits(context: Context, policy: Policy) -> tuple[_Limit, _Limit, _Limit]:
    budgets, now, zone = policy.budgets, context.now, context.timezone
    task = budgets.task
    if context.task_budget is not None:
        task = Budget(cost=max(Decimal(0), in_currency(context.task_budget, policy)), tokens=task.tokens)
    return (
        _Limit("month", "this month's", budgets.month, context.month, next_month(now, zone)),
        _Limit("day", "today's", budgets.day, context.day, next_day(now, zone)),
        _Limit("task", "the task's", task, context.task, None, context.task_budget),
    )


def _cost(action: ModelAction, policy: Policy) -> Decimal:
    """The upper bound in the policy's currency. A local model without a price costs nothing."""
    return Decimal(0) if action.cost is None else in_currency(action.cost, policy)


def _spent(limit: _Limit, policy: Policy) -> tuple[Decimal, int]:
    if limit.budget.cost is None:
        return Decimal(0), limit.spent.tokens
    return total(limit.spent.costs, policy), limit.spent.tokens


def _exceeds(limit: _Limit, cost: Decimal, tokens: int, spent: Decimal, used: int) -> bool:
    budget = limit.budget
    over_cost = budget.cost is not None and cost > 0 and spent + cost > budget.cost
    return over_cost or (budget.tokens is not None and used + tokens > budget.tokens)


def _used_up(limit: _Limit, policy: Policy, more: int = 0) -> Reason:
    what = f"The next model call may go beyond {limit.label} budget of {_say(limit, policy)}."
    hint = f"[budgets.{limit.name}] in policy.toml holds the limit."
    if more:
        hint = f"Approving lets it use up to {_say(limit, policy, more + 1)} in all."
    return Reason(f"budget.{limit.name}", f"{what} {hint}", about=str(more) if more else "")


def _too_large(limit: _Limit) -> Refuse:
    return Refuse(
        f"budget.{limit.name}_too_small",
        f"This one model call may cost more than the whole of {limit.label} budget.",
        f"Raise the limit in [budgets.{limit.name}] in policy.toml, or use a smaller model.",
    )


def _say(limit: _Limit, policy: Policy, times: int = 1) -> str:
    """So many budgets of this size, in the currency they were given in."""
    budget = limit.budget
    given = limit.given or (Money(amount=budget.cost, currency=policy.currency) if budget.cost is not None else None)
    cost = _exact(given.times(times)) if given is not None else None
    tokens = None if budget.tokens is None else f"{budget.tokens * times:,} tokens"
    return " and ".join(part for part in (cost, tokens) if part)


def _exact(amount: Money) -> str:
    """A fraction of a cent keeps its digits: a budget of 0.001 USD is not one of 0.00."""
    return str(amount) if amount.rounded() == amount else f"{amount.amount.normalize():f} {amount.currency}"


def total(amounts: Iterable[Money], policy: Policy) -> Decimal:
    """The sum in the policy's currency; a negative amount (a refund) never makes room."""
    return sum((max(Decimal(0), in_currency(amount, policy)) for amount in amounts), Decimal(0))


def in_currency(amount: Money, policy: Policy) -> Decimal:
    """Only for budgets of models: an invoice's threshold is never compared across currencies."""
    if amount.currency == policy.currency or amount.amount == 0:
        return amount.amount
    rate = policy.rates.get(amount.currency)
    if rate is None:
        raise _NoRateError(amount.currency)
    return amount.amount * rate
