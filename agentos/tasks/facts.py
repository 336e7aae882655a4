"""The facts a policy decision rests on, gathered from the log: outside a transaction for a forecast, inside for a
claim."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from agentos.clock import micros
from agentos.effects.port import Amounts
from agentos.events.log import Reader
from agentos.events.record import Record
from agentos.money import Money
from agentos.policy import Context, EffectAction, LookAlike, Reason, Spend
from agentos.tasks.items import Item, is_undone
from agentos.tasks.run import TaskRun
from agentos.views.spending import TYPES as SPENDING


def zone_of(run: TaskRun) -> ZoneInfo:
    return ZoneInfo(run.platform.workspace.configuration.business.timezone)


def model_context(run: TaskRun, reader: Reader) -> Context:
    """For a model call: what the task, the day and the month have spent, open reservations included."""
    return _context(run, reader, granted=_granted_budget(run))


def effect_context(run: TaskRun, reader: Reader, item: Item, granted: tuple[Reason, ...]) -> Context:
    """For an effect: who the client is, what was done for it lately, and what the operator has granted."""
    action = effect_action(run, item)
    client = run.platform.workspace.clients.get(action.subject) if action.subject else None
    earlier = list(_earlier(run, reader, action))
    today = _day_start(run)
    sums: dict[str, Decimal] = {}
    for record, gross in earlier:
        if record.at >= today:
            sums[gross.currency] = sums.get(gross.currency, Decimal(0)) + gross.amount
    return _context(
        run,
        reader,
        granted=granted,
        client_known=client is not None,
        recipient_matches_client=_same_address(action.to, client.email if client else None),
        day_sums=tuple(Money(amount=amount, currency=currency) for currency, amount in sorted(sums.items())),
        look_alikes=tuple(_look_alike(record, gross) for record, gross in earlier),
        first_of_kind=_first_of_kind(run, reader, action),
    )


def effect_action(run: TaskRun, item: Item) -> EffectAction:
    proposal = item.proposal
    return EffectAction(
        system=proposal.system,
        verb=proposal.verb,
        account=item.system.account,
        key=item.key,
        digest=item.digest,
        subject=proposal.subject,
        to=proposal.to,
        amounts=proposal.amounts,
        reversible=item.verb.reversible,
        influenced_by=_influence(run, item),
        forced_reasons=item.reasons,
        confidence=item.confidence,
        follows=item.follows,
        rehearsal=False,
        undo=item.undoes is not None,
    )


def _influence(run: TaskRun, item: Item) -> frozenset[str]:
    """Who influenced recipient and amount. The finance step's amount is the operator's own when it is the slot's."""
    if item.proposal.to is None and item.proposal.amounts is None:
        return frozenset()
    return frozenset(item.influenced_by) & {"web", "mail", "model"}


def _context(run: TaskRun, reader: Reader, *, granted: tuple[Reason, ...], **more: Any) -> Context:
    zone = zone_of(run)
    now = run.now()
    local = now.astimezone(zone)
    day = local.replace(hour=0, minute=0, second=0, microsecond=0)

    def spent(since: date) -> Spend:
        costs, tokens = run.platform.spending.since(reader, since, now, zone)
        return Spend(
            tuple(Money(amount=amount, currency=currency) for currency, amount in sorted(costs.items())), tokens
        )

    configuration = run.platform.workspace.configuration
    budget = run.state.budget
    return Context(
        now=now,
        timezone=zone,
        task=_spend(reader.read(stream=run.stream, types=SPENDING)),
        day=spent(local.date()),
        month=spent(local.date().replace(day=1)),
        cards_today=sum(1 for _ in reader.read(types=("approval.requested",), since_micros=micros(day))),
        task_budget=Money.model_validate(budget) if budget else None,
        urgency=(run.state.understanding or {}).get("urgency") or "normal",
        deadline=run.state.by,
        granted=granted,
        overnight=(configuration.hours.overnight_from, configuration.hours.overnight_to),
        web_allow=configuration.web.allow,
        **more,
    )


def _spend(records: Iterable[Record]) -> Spend:
    """Of one task: settled plus still reserved. A settlement takes its reservation's place."""
    reserved: dict[str, dict[str, Any]] = {}
    costs: dict[str, Decimal] = {}
    tokens = 0
    for record in records:
        call = f"{record.data['step']}/{record.data['call']}"
        if record.type == "model.reserved":
            reserved[call] = record.data
            continue
        reserved.pop(call, None)
        tokens += record.data["tokens"]
        _add(costs, record.data["cost"])
    for data in reserved.values():
        tokens += data["tokens"]
        _add(costs, data["cost"])
    return _as_spend(costs, tokens)


def _as_spend(costs: dict[str, Decimal], tokens: int) -> Spend:
    return Spend(tuple(Money(amount=amount, currency=currency) for currency, amount in sorted(costs.items())), tokens)


def _add(costs: dict[str, Decimal], cost: dict[str, Any] | None) -> None:
    if cost is not None:
        costs[cost["currency"]] = costs.get(cost["currency"], Decimal(0)) + Decimal(cost["amount"])


def _earlier(run: TaskRun, reader: Reader, action: EffectAction) -> Iterable[tuple[Record, Money]]:
    """Effects of the same kind for the same client that were started lately and still stand, with their gross."""
    if action.subject is None or action.amounts is None:
        return
    days = max(run.platform.policy.look_alikes.days, 1)
    since = micros(run.now() - timedelta(days=days))
    for record in reader.read(types=("effect.started",), since_micros=since):
        if record.subject != action.subject or record.forgotten or record.data["effect"] == action.key:
            continue
        data = record.data
        if f"{data['system']}.{data['verb']}" != action.kind or not data["amounts"] or data["attempt"] != 1:
            continue
        if not is_undone(reader, data["effect"]):
            yield record, Amounts.model_validate(data["amounts"]).gross


def _first_of_kind(run: TaskRun, reader: Reader, action: EffectAction) -> bool:
    """Looked up only where a rule asks for it: it reads back to the first one."""
    rule = run.platform.policy.rule(action.system, action.verb)
    if rule is None or not rule.ask_first_time:
        return False
    done = (r for r in reader.read(types=("effect.started",)) if not r.forgotten and r.data["effect"] != action.key)
    return not any((r.data["system"], r.data["verb"]) == (action.system, action.verb) for r in done)


def _look_alike(record: Record, gross: Money) -> LookAlike:
    data = record.data
    return LookAlike(data["effect"], data["assigned"].get("number") or data["title"], gross, record.at)


def _day_start(run: TaskRun) -> datetime:
    return run.now().astimezone(zone_of(run)).replace(hour=0, minute=0, second=0, microsecond=0)


def _same_address(one: str | None, other: str | None) -> bool:
    return one is not None and other is not None and one.strip().casefold() == other.strip().casefold()


def _granted_budget(run: TaskRun) -> tuple[Reason, ...]:
    """Reasons of budget cards of this task that the operator granted."""
    return tuple(
        Reason.from_json(reason)
        for card in run.state.cards.values()
        if card.kind == "budget" and card.status == "granted"
        for reason in card.data["reasons"]
    )
