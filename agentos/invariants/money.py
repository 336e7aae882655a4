"""What models cost: every reservation is settled once, within what was reserved, and no budget is overshot."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from agentos.invariants.registry import before

if TYPE_CHECKING:
    from agentos.events.record import Record
    from agentos.invariants.world import World
    from agentos.policy import Policy

Cost = dict[str, Any]


@dataclass
class Limits:
    """The most generous budgets on record (a worker may go on for a while under the policy it opened with), in
    `policy`'s currency; None is no limit."""

    policy: Policy
    task: Decimal | None
    day: Decimal | None
    month: Decimal | None


@dataclass
class Money:
    """`open`: reservations not settled yet, by (task, call). `spent`: settled and reserved, by task, day and month."""

    open: dict[tuple[str, str], tuple[Cost | None, int, tuple[str, ...]]] = field(default_factory=dict)
    spent: dict[str, dict[str, Decimal]] = field(default_factory=dict)
    limits: Limits | None = None
    zone: tzinfo = UTC

    def apply(self, record: Record, world: World) -> None:
        from agentos.invariants.world import task_of

        data, task, where = record.data, task_of(record), self.places(record)
        if record.type == "model.reserved":
            self.open[task, data["call"]] = (data["cost"], record.seq, where)
        else:
            cost, _, reserved_in = self.open.pop((task, data["call"]), (None, 0, ()))
            self._add(reserved_in, cost, -1)
        self._add(where, data["cost"], 1)

    def places(self, record: Record) -> tuple[str, str, str]:
        """Where it counts: its task, its day and its month, in the business's time zone."""
        at = record.at.astimezone(self.zone)
        return record.stream, f"day {at:%Y-%m-%d}", f"month {at:%Y-%m}"

    def _add(self, where: tuple[str, ...], cost: Cost | None, sign: int) -> None:
        if cost is None:
            return
        for place in where:
            sums = self.spent.setdefault(place, {})
            sums[cost["currency"]] = sums.get(cost["currency"], Decimal(0)) + sign * Decimal(cost["amount"])

    def configure(self, world: World) -> None:
        """A file changed: the zone as it stands now, the limits as generous as they ever were."""
        self.zone = _zone(world.toml(world.files.get("agentos.toml"))) or self.zone
        policy = _policy(world)
        if policy is None:
            return
        budgets, known = policy.budgets, self.limits
        if known is None or known.policy.currency != policy.currency:
            self.limits = Limits(policy, budgets.task.cost, budgets.day.cost, budgets.month.cost)
        else:
            self.limits = Limits(
                policy, _more(known.task, budgets.task.cost), _more(known.day, budgets.day.cost),
                _more(known.month, budgets.month.cost),
            )  # fmt: skip


@before("model.reserved_once", "model.reserved")
def reserved_once(world: World, record: Record) -> Iterator[str]:
    """A model call is reserved once; another try of it is another reservation."""
    from agentos.invariants.world import task_of

    if (task_of(record), record.data["call"]) in world.money.open:
        yield f"{record.data['call']} is reserved already and not settled"


@before("model.settled_once", "model.settled")
def settled_once(world: World, record: Record) -> Iterator[str]:
    """A reservation is settled exactly once."""
    from agentos.invariants.world import task_of

    if (task_of(record), record.data["call"]) not in world.money.open:
        yield f"{record.data['call']} is settled, and was not reserved or is settled already"


@before("model.settled_within", "model.settled")
def settled_within(world: World, record: Record) -> Iterator[str]:
    """What a model call cost is at most what was reserved for it."""
    from agentos.invariants.world import task_of

    reserved, _, _ = world.money.open.get((task_of(record), record.data["call"]), (None, 0, ()))
    cost = record.data["cost"]
    if not reserved or not cost or reserved["currency"] != cost["currency"]:
        return
    if Decimal(cost["amount"]) > Decimal(reserved["amount"]):
        yield f"it cost {cost['amount']} {cost['currency']}, and {reserved['amount']} was reserved"


@before("model.settled_all", "task.completed", "task.failed", "task.cancelled")
def settled_all(world: World, record: Record) -> Iterator[str]:
    """No reservation of a task is open when it closes."""
    from agentos.invariants.world import task_of

    for task, call in world.money.open:
        if task == task_of(record):
            yield f"{call} is reserved and not settled"


@before("model.called_reserved", "model.called")
def called_reserved(world: World, record: Record) -> Iterator[str]:
    """A model that answered had its call reserved before."""
    key = f"model.reserved/{record.stream.removeprefix('task/')}/{record.data['call']}"
    found = world.store.log.by_key(key)
    if found is None or found.seq > record.seq:
        yield f"{record.data['call']} was not reserved"


@before("budget.kept", "model.reserved")
def budget_kept(world: World, record: Record) -> Iterator[str]:
    """No budget is overshot by more than one call: with what is reserved, each call fits before it is made."""
    task = world.task(record)
    cost = record.data["cost"]
    if task is None or cost is None or Decimal(cost["amount"]) <= 0:
        return
    limits, own = world.money.limits, task.state.budget
    times = 1 + max((_further(card.data) for card in task.state.cards.values() if _raised(card)), default=0)
    task_limit = Decimal(own["amount"]) if own else limits.task if limits else None
    currency = own["currency"] if own else limits.policy.currency if limits else cost["currency"]
    bounds = [(task_limit * times if task_limit is not None else None, "task")]
    bounds += [(limits.day, "day"), (limits.month, "month")] if limits else []
    for (limit, name), place in zip(bounds, world.money.places(record), strict=False):
        unit = currency if name == "task" or limits is None else limits.policy.currency
        spent = _sum(world, {**world.money.spent.get(place, {})}, unit)
        asked = _sum(world, {cost["currency"]: Decimal(cost["amount"])}, unit)
        if limit is not None and spent is not None and asked is not None and spent + asked > limit:
            yield f"the {name} had spent or reserved {spent} {unit}, and {asked} more is beyond {limit}"


def _raised(card: Any) -> bool:
    return bool(card.kind == "budget" and card.status == "granted")


def _further(data: dict[str, Any]) -> int:
    """How many further budgets a granted card gives: what its reasons are about."""
    return max((int(r["about"]) for r in data["reasons"] if str(r.get("about", "")).isdecimal()), default=0)


def _sum(world: World, amounts: dict[str, Decimal], unit: str) -> Decimal | None:
    """In `unit`; None where no rate is on record."""
    total, limits = Decimal(0), world.money.limits
    for currency, amount in amounts.items():
        rates = limits.policy.rates if limits and limits.policy.currency == unit else {}
        rate = Decimal(1) if currency == unit or amount == 0 else rates.get(currency)
        if rate is None:
            return None
        total += amount * rate
    return total


def _more(one: Decimal | None, other: Decimal | None) -> Decimal | None:
    return None if one is None or other is None else max(one, other)


def _policy(world: World) -> Policy | None:
    from agentos.errors import AgentOSError
    from agentos.policy.load import parse_policy

    blob = world.files.get("policy.toml")
    try:
        stored = world.store.blobs.get(blob) if blob is not None else None
        return parse_policy(stored.decode("utf-8-sig")) if stored is not None else None
    except (AgentOSError, ValueError):
        return None


def _zone(configuration: dict[str, Any]) -> tzinfo | None:
    from zoneinfo import ZoneInfo

    business = configuration.get("business")
    try:
        return ZoneInfo(business["timezone"]) if isinstance(business, dict) and "timezone" in business else None
    except (KeyError, ValueError, OSError):
        return None
