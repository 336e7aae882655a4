"""The one question policy answers, outside any model: may this happen now?

Asked for every model call and effect before it happens, and again inside the write transaction in which it starts.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

from agentos.capabilities.addresses import Allowlist, host_of
from agentos.errors import Permanent
from agentos.money import Money
from agentos.policy.actions import (
    Action,
    Allow,
    Context,
    Decision,
    Defer,
    EffectAction,
    LookAlike,
    ModelAction,
    NeedsApproval,
    ReadAction,
    Reason,
    Refuse,
)
from agentos.policy.hours import next_day, night
from agentos.policy.model import Policy, Rule
from agentos.policy.spending import over_budget

TRUSTED = frozenset({"operator", "knowledge"})
"""Who may determine a recipient, an amount, a URL or a path without a card: the operator's words and her own files."""

_STOPPED = Refuse("platform.stopped", "The platform is stopped.", "Run `agentos start` to go on.")
_ABSURD = Refuse("amount.absurd", "An amount has more than fifteen digits.", "Check the amounts of this task.")
_REHEARSAL = Refuse("effect.rehearsal", "A rehearsal does nothing outside.", "Run it again without --rehearse.")

_MOST = Decimal(10) ** 15
"""Beyond it Decimal's 28 digits no longer hold sums and cents exactly, and formatting raises."""


def decide(action: Action, context: Context, policy: Policy) -> Decision:
    """Total and pure: the same facts give the same answer, reasons in the same order, and nothing raises.

    An approval answers the reasons it was given for (`context.granted`): a new one asks again, a refusal stands.
    """
    if context.stopped:
        return _STOPPED
    if any(abs(money.amount) > _MOST for money in _all_money(action, context)):
        return _ABSURD
    match action:
        case EffectAction():
            return _effect(action, context, policy)
        case ModelAction():
            return _model(action, context, policy)
        case ReadAction():
            return _read(action, context)


def _all_money(action: Action, context: Context) -> Iterator[Money]:
    if isinstance(action, EffectAction) and action.amounts is not None:
        yield action.amounts.gross
    if isinstance(action, ModelAction) and action.cost is not None:
        yield action.cost
    if context.task_budget is not None:
        yield context.task_budget
    for spend in (context.task, context.day, context.month):
        yield from spend.costs
    yield from context.day_sums
    yield from (earlier.amount for earlier in context.look_alikes)


def _effect(action: EffectAction, context: Context, policy: Policy) -> Decision:
    rule = policy.rule(action.system, action.verb)
    if rule is not None and rule.autonomy == "refuse":
        return Refuse(
            "policy.refuses",
            f"policy.toml does not allow {action.kind}.",
            f'Change autonomy in [actions."{action.kind}"] in policy.toml.',
        )
    found = _undo_reasons(action, rule) if action.undo else _reasons(action, rule, context, policy)
    reasons = tuple(sorted(set(found)))
    granted = {reason.identity for reason in context.granted}
    if any(reason.identity not in granted for reason in reasons):
        return _ask(reasons, context, policy)
    return _REHEARSAL if action.rehearsal else Allow()


def _ask(reasons: tuple[Reason, ...], context: Context, policy: Policy) -> Decision:
    """A card, or the next day where the operator's attention is used up and nothing presses."""
    most = policy.attention.cards_per_day
    if most is None or context.cards_today < most or context.urgency != "low":
        return NeedsApproval(reasons)
    tomorrow = next_day(context.now, context.timezone)
    if context.deadline is not None and context.deadline <= tomorrow:
        return NeedsApproval(reasons)
    return Defer(tomorrow, Reason("attention.day", f"You have had {most} cards today; this one can wait."))


def _undo_reasons(action: EffectAction, rule: Rule | None) -> Iterator[Reason]:
    """Taking back is easier than doing: only what the operator wrote down, and what somebody flagged, asks."""
    if rule is not None and rule.autonomy == "ask":
        yield _asks(action)
    yield from _flagged(action)


def _reasons(action: EffectAction, rule: Rule | None, context: Context, policy: Policy) -> Iterator[Reason]:
    if rule is None:
        yield Reason("policy.no_rule", f"policy.toml has no rule for {action.kind}.")
    else:
        yield from _by_rule(action, rule, context, policy)
    yield from _by_person(action, rule, context)
    yield from _flagged(action)
    if action.confidence is not None and not action.confidence >= policy.min_confidence:
        yield Reason(
            "confidence.low",
            f"The work is only {action.confidence:.0%} sure (you ask below {policy.min_confidence:.0%}).",
        )


def _asks(action: EffectAction) -> Reason:
    return Reason("policy.asks", f"You want to be asked before every {action.kind}.")


def _flagged(action: EffectAction) -> Iterator[Reason]:
    for text in action.forced_reasons:
        yield Reason("forced", text, about=text)
    for source in action.influenced_by - TRUSTED:
        yield Reason("influence", f"Whom it reaches, how much or where was influenced by {source}.", about=source)


def _by_rule(action: EffectAction, rule: Rule, context: Context, policy: Policy) -> Iterator[Reason]:
    if rule.autonomy == "ask":
        yield _asks(action)
    if rule.only_after is not None and rule.only_after not in action.follows:
        yield Reason("policy.alone", f"You want to be asked before a {action.kind} that follows no {rule.only_after}.")
    if rule.ask_first_time and context.first_of_kind:
        yield Reason("first_of_kind", f"It is the first {action.kind}.")
    if rule.below is not None:
        yield from _threshold(action, Money(amount=rule.below, currency=policy.currency), context)
    if rule.look_alikes:
        for earlier in context.look_alikes:
            if _near(action, earlier, context, policy):
                text = (
                    f"It looks like {earlier.number} of {earlier.at:%Y-%m-%d} ({earlier.amount}) for the same client."
                )
                yield Reason("look_alike", text, about=earlier.key)


def _by_person(action: EffectAction, rule: Rule | None, context: Context) -> Iterator[Reason]:
    known = action.subject is not None and context.client_known
    if not known and (rule is None or rule.known_clients_only):
        who = f"{action.subject!r} is not a client in clients/." if action.subject else "It names no client of yours."
        yield Reason("client.unknown", who)
    if action.to is not None and not (known and context.recipient_matches_client):
        yield Reason("recipient.differs", f"{action.to} is not the address in the client's file.", about=action.to)


def _threshold(action: EffectAction, below: Money, context: Context) -> Iterator[Reason]:
    """At or above the limit, and wherever the amount can't be compared: nothing is converted by guess."""
    if action.amounts is None:
        yield Reason("amount.unknown", f"It names no amount, and you want to be asked from {below}.")
        return
    gross = action.amounts.gross
    if gross.amount <= 0:
        yield Reason("amount.not_positive", f"The amount is {gross}.")
    foreign = {money.currency for money in (gross, *context.day_sums) if money.amount != 0} - {below.currency}
    for currency in foreign:
        yield Reason(
            "amount.currency", f"Your threshold is in {below.currency}, this is in {currency}.", about=currency
        )
    earlier = sum((max(Decimal(0), s.amount) for s in context.day_sums if s.currency == below.currency), Decimal(0))
    if gross.currency == below.currency and max(Decimal(0), gross.amount) + earlier >= below.amount:
        today = f" with today's {Money(amount=earlier, currency=below.currency)} for this client" if earlier else ""
        yield Reason("amount.over_threshold", f"{gross} gross{today} is not below your threshold of {below}.")


def _near(action: EffectAction, earlier: LookAlike, context: Context, policy: Policy) -> bool:
    """Within the share of the larger amount, so that the order of the two does not matter."""
    if action.amounts is None or earlier.key == action.key:
        return False
    if context.now - earlier.at > timedelta(days=policy.look_alikes.days):
        return False
    gross = action.amounts.gross
    if gross.currency != earlier.amount.currency:
        return False
    one, other = abs(gross.amount), abs(earlier.amount.amount)
    return abs(one - other) * 100 <= max(one, other) * policy.look_alikes.share


def _model(action: ModelAction, context: Context, policy: Policy) -> Decision:
    if action.confidential and not action.local:
        return Refuse(
            "placement.confidential",
            "Confidential work goes only to a model that is marked local.",
            "Add a model with local = true to agentos.toml, or do without a model.",
        )
    if action.cost is None and not action.local:
        name = f'the entry of "{action.model}"' if action.model else "the model's entry"
        return Refuse(
            "price.unknown",
            f"What {action.model or 'this model'} costs is not known, so no budget can be kept.",
            f"Add input_price and output_price (per million tokens) to {name} under [[models.{action.tier}]] "
            "in agentos.toml.",
        )
    return over_budget(action, context, policy) or _lane(context, policy)


def _lane(context: Context, policy: Policy) -> Decision:
    if context.urgency != "low" or not policy.hours.low_urgency_overnight:
        return Allow()
    starts = night(context.now, context.timezone, context.overnight)
    if starts is None or (context.deadline is not None and context.deadline <= starts):
        return Allow()
    return Defer(starts, Reason("hours.overnight", "Work of low urgency waits for the night."))


def _read(action: ReadAction, context: Context) -> Decision:
    """A page the operator named, or one on a host she allows. A query carries data out, so it asks."""
    try:
        host = host_of(action.url)
        allowed = Allowlist(context.web_allow, [action.url] if action.named_by_operator else [])(action.url)
    except Permanent as error:
        return Refuse(error.code, error.message, error.hint)
    if not allowed:
        return Refuse(
            "web.not_allowed",
            f"{host} is not among the sites that may be read.",
            "Name the page in your request, or add the host to [web] allow in agentos.toml.",
        )
    asked = Reason("read.carries_data", f"The address for {host} carries data out in its query.", about=action.url)
    if (
        "?" in action.url
        and not action.named_by_operator
        and asked.identity not in {r.identity for r in context.granted}
    ):
        return NeedsApproval((asked,))
    return Allow()
