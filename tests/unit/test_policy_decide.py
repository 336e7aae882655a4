from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentos.effects.port import Amounts
from agentos.money import Money
from agentos.policy import (
    Action,
    Allow,
    Context,
    Decision,
    Defer,
    EffectAction,
    LookAlike,
    ModelAction,
    NeedsApproval,
    Policy,
    ReadAction,
    Reason,
    Refuse,
    Spend,
    decide,
)
from agentos.policy.load import parse_policy, template

NOW = datetime(2026, 3, 10, 14, 0, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
POLICY = parse_policy(template())


def eur(amount: str | Decimal) -> Money:
    return Money.of(amount, "EUR")


def usd(amount: str | Decimal) -> Money:
    return Money.of(amount, "USD")


def amounts(gross: str | Decimal, currency: str = "EUR") -> Amounts:
    total = Money.of(gross, currency)
    return Amounts(net=total, vat=Money.of(0, currency), gross=total)


def invoice(gross: str | Decimal = "100", currency: str = "EUR", **more: Any) -> EffectAction:
    return EffectAction(
        "invoice",
        "issue",
        "invoice:main",
        "invoice:main/issue/t1",
        "d",
        "acme",
        amounts=amounts(gross, currency),
        **more,
    )


def mail(**more: Any) -> EffectAction:
    more = {"follows": frozenset({"invoice.issue", "ledger.book"})} | more
    return EffectAction("mail", "send", "mail:main", "mail:main/send/t1", "d", "acme", to="ada@acme.example", **more)


def call(
    cost: Money | None = None, tokens: int = 100, *, local: bool = False, confidential: bool = False
) -> ModelAction:
    return ModelAction("small", local, confidential, cost, tokens, model="swift-1")


CONTEXT = Context(now=NOW, timezone=BERLIN, client_known=True, recipient_matches_client=True)


def codes(decision: Decision) -> list[str]:
    assert isinstance(decision, NeedsApproval), decision
    return [reason.code for reason in decision.reasons]


def policy_of(**changes: Any) -> Policy:
    return Policy.model_validate(POLICY.model_dump() | changes)


def test_a_small_invoice_to_a_known_client_goes_ahead() -> None:
    assert decide(invoice("499.99"), CONTEXT, POLICY) == Allow()


def test_the_invoice_of_the_vignette_asks_because_it_is_above_the_threshold() -> None:
    decision = decide(invoice("1428"), CONTEXT, POLICY)
    assert codes(decision) == ["amount.over_threshold"]
    assert isinstance(decision, NeedsApproval)
    assert decision.reasons[0].text == "1,428.00 EUR gross is not below your threshold of 500.00 EUR."


def test_the_threshold_counts_what_the_client_was_sent_today() -> None:
    decision = decide(invoice("300"), replace(CONTEXT, day_sums=(eur("200"),)), POLICY)
    assert codes(decision) == ["amount.over_threshold"]
    assert decide(invoice("300"), replace(CONTEXT, day_sums=(eur("199.99"),)), POLICY) == Allow()


def test_a_credit_does_not_make_room_under_the_threshold() -> None:
    context = replace(CONTEXT, day_sums=(eur("-1000"), eur("300")))
    assert codes(decide(invoice("200"), context, POLICY)) == ["amount.over_threshold"]


@pytest.mark.parametrize("gross", ["0", "-50"])
def test_an_invoice_about_nothing_asks(gross: str) -> None:
    assert codes(decide(invoice(gross), CONTEXT, POLICY)) == ["amount.not_positive"]


def test_another_currency_asks_whatever_the_rate() -> None:
    assert codes(decide(invoice("1", "USD"), CONTEXT, POLICY)) == ["amount.currency"]
    assert codes(decide(invoice("1"), replace(CONTEXT, day_sums=(usd("1"),)), POLICY)) == ["amount.currency"]


def test_an_unknown_client_asks() -> None:
    decision = decide(invoice(), replace(CONTEXT, client_known=False), POLICY)
    assert codes(decision) == ["client.unknown"]
    assert codes(decide(replace(invoice(), subject=None), CONTEXT, POLICY)) == ["client.unknown"]


def test_a_recipient_that_is_not_the_clients_asks() -> None:
    decision = decide(mail(), replace(CONTEXT, recipient_matches_client=False), POLICY)
    assert codes(decision) == ["recipient.differs"]
    assert decide(mail(), CONTEXT, POLICY) == Allow()


def test_a_mail_that_goes_with_no_invoice_asks() -> None:
    decision = decide(mail(follows=frozenset({"site.publish"})), CONTEXT, POLICY)
    assert codes(decision) == ["policy.alone"]
    assert isinstance(decision, NeedsApproval)
    assert "follows no invoice.issue" in decision.reasons[0].text


def earlier(amount: str, days: float = 3, **more: Any) -> LookAlike:
    return LookAlike("invoice:main/issue/t0", "2026-0006", eur(amount), NOW - timedelta(days=days), **more)


def test_a_look_alike_asks_and_names_the_earlier_one() -> None:
    decision = decide(invoice("100"), replace(CONTEXT, look_alikes=(earlier("95"),)), POLICY)
    assert isinstance(decision, NeedsApproval)
    assert codes(decision) == ["look_alike"]
    assert "2026-0006 of 2026-03-07 (95.00 EUR)" in decision.reasons[0].text


@pytest.mark.parametrize("other", [earlier("89.99"), earlier("112"), earlier("100", days=31)])
def test_far_in_amount_or_time_is_no_look_alike(other: LookAlike) -> None:
    assert decide(invoice("100"), replace(CONTEXT, look_alikes=(other,)), POLICY) == Allow()


def test_an_effect_does_not_look_like_itself() -> None:
    own = replace(earlier("100"), key=invoice().key)
    assert decide(invoice("100"), replace(CONTEXT, look_alikes=(own,)), POLICY) == Allow()


def test_what_others_object_asks_in_their_words() -> None:
    decision = decide(mail(forced_reasons=("The rule 'no promises' was hit.",)), CONTEXT, POLICY)
    assert decision == NeedsApproval(
        (Reason("forced", "The rule 'no promises' was hit.", "The rule 'no promises' was hit."),)
    )


@pytest.mark.parametrize(("sources", "asks"), [({"operator", "knowledge"}, 0), ({"web", "model", "operator"}, 2)])
def test_a_recipient_or_amount_from_outside_asks(sources: set[str], asks: int) -> None:
    decision = decide(mail(influenced_by=frozenset(sources)), CONTEXT, POLICY)
    assert decision == Allow() if not asks else codes(decision) == ["influence"] * asks


@pytest.mark.parametrize(("confidence", "found"), [(0.59, ["confidence.low"]), (float("nan"), ["confidence.low"])])
def test_low_confidence_asks(confidence: float, found: list[str]) -> None:
    assert codes(decide(mail(confidence=confidence), CONTEXT, POLICY)) == found
    assert decide(mail(confidence=0.6), CONTEXT, POLICY) == Allow()


def test_the_first_of_a_kind_asks_when_the_rule_says_so() -> None:
    first = replace(CONTEXT, first_of_kind=True)
    policy = policy_of(actions={"mail.send": {"autonomy": "allow", "ask_first_time": True}})
    assert codes(decide(mail(), first, policy)) == ["first_of_kind"]
    assert decide(mail(), CONTEXT, policy) == Allow()
    assert decide(mail(), first, POLICY) == Allow()


def test_without_a_rule_it_asks() -> None:
    assert codes(decide(invoice(), CONTEXT, Policy())) == ["policy.no_rule"]


def test_a_post_asks_by_default_and_goes_ahead_when_allowed() -> None:
    post = EffectAction("site", "publish", "site:main", "site:main/publish/t1", "d")
    assert codes(decide(post, CONTEXT, POLICY)) == ["policy.asks"]
    free = policy_of(actions={"site.publish": {"autonomy": "allow", "known_clients_only": False}})
    assert decide(post, CONTEXT, free) == Allow()


def test_a_refusal_is_final() -> None:
    policy = policy_of(actions={"mail.send": {"autonomy": "refuse"}})
    action = mail(forced_reasons=("flagged",))
    shown = (Reason("policy.refuses", "x"), Reason("forced", "flagged", "flagged"))
    decision = decide(action, replace(CONTEXT, granted=shown), policy)
    assert isinstance(decision, Refuse)
    assert decision.code == "policy.refuses"
    assert '[actions."mail.send"]' in decision.hint


def test_a_grant_covers_what_was_shown_and_a_new_reason_asks_again() -> None:
    shown = decide(invoice("1428"), CONTEXT, POLICY)
    assert isinstance(shown, NeedsApproval)
    granted = replace(CONTEXT, granted=shown.reasons)
    assert decide(invoice("1428"), granted, POLICY) == Allow()
    assert decide(invoice("1428"), replace(granted, day_sums=(eur("10"),)), POLICY) == Allow()
    assert codes(decide(invoice("1428"), replace(granted, look_alikes=(earlier("1428"),)), POLICY)) == [
        "amount.over_threshold",
        "look_alike",
    ]


def test_a_grant_for_one_look_alike_is_none_for_another() -> None:
    shown = decide(invoice("100"), replace(CONTEXT, look_alikes=(earlier("100"),)), POLICY)
    assert isinstance(shown, NeedsApproval)
    another = replace(earlier("100"), key="invoice:main/issue/t9")
    context = replace(CONTEXT, granted=shown.reasons, look_alikes=(earlier("100"), another))
    assert codes(decide(invoice("100"), context, POLICY)) == ["look_alike", "look_alike"]


def test_a_rehearsal_shows_its_card_and_never_starts_anything() -> None:
    assert codes(decide(invoice("1428", rehearsal=True), CONTEXT, POLICY)) == ["amount.over_threshold"]
    for action in (invoice("10", rehearsal=True), mail(rehearsal=True, undo=True)):
        decision = decide(action, CONTEXT, POLICY)
        assert isinstance(decision, Refuse)
        assert decision.code == "effect.rehearsal"


def test_undo_asks_nothing_that_only_concerns_doing() -> None:
    credit = EffectAction(
        "invoice", "credit", "invoice:main", "k", "d", "gone", "x@y.example", amounts("-9000", "USD"), undo=True
    )
    context = Context(now=NOW, day=Spend((eur("99999"),), 10**9), look_alikes=(earlier("9000"),), first_of_kind=True)
    assert decide(credit, context, POLICY) == Allow()
    assert codes(decide(credit, context, policy_of(actions={"invoice.credit": {"autonomy": "ask"}}))) == ["policy.asks"]
    assert codes(decide(replace(credit, forced_reasons=("closed period",)), context, POLICY)) == ["forced"]


@pytest.mark.parametrize(
    "action", [invoice(), mail(undo=True), call(usd("0")), call(local=True), ReadAction("https://a.example/", True)]
)
def test_stopped_stops_everything(action: Action) -> None:
    decision = decide(action, replace(CONTEXT, stopped=True), POLICY)
    assert isinstance(decision, Refuse)
    assert decision.code == "platform.stopped"


# -- models


def test_a_call_that_fits_goes_ahead() -> None:
    assert decide(call(usd("0.10")), CONTEXT, POLICY) == Allow()


def test_over_the_tasks_budget_asks() -> None:
    context = replace(CONTEXT, task=Spend((usd("0.95"),)))
    assert decide(call(usd("0.05")), context, POLICY) == Allow()
    assert codes(decide(call(usd("0.06")), context, POLICY)) == ["budget.task"]
    assert codes(decide(call(usd("0"), tokens=500_001), CONTEXT, POLICY)) == ["budget.task"]


def test_the_operators_budget_takes_the_place_of_the_policys() -> None:
    wide = replace(CONTEXT, task=Spend((usd("0.95"),)), task_budget=eur("2"))
    assert decide(call(usd("1")), wide, POLICY) == Allow()
    tight = replace(CONTEXT, task_budget=eur("0.01"))
    assert codes(decide(call(usd("0.02")), tight, POLICY)) == ["budget.task"]
    assert decide(call(usd("0")), replace(CONTEXT, task_budget=eur("0")), POLICY) == Allow()


def test_an_approval_gives_the_task_as_much_again_and_no_more() -> None:
    spent = replace(CONTEXT, task=Spend((usd("0.95"),)))
    shown = decide(call(usd("0.06")), spent, POLICY)
    assert isinstance(shown, NeedsApproval)
    assert "up to 2.00 EUR and 1,000,000 tokens in all" in shown.reasons[0].text
    granted = replace(spent, granted=shown.reasons)
    assert decide(call(usd("0.06")), granted, POLICY) == Allow()
    assert decide(call(usd("1.05")), granted, POLICY) == Allow()
    again = decide(call(usd("1.06")), granted, POLICY)
    assert isinstance(again, NeedsApproval)
    twice = replace(spent, granted=again.reasons)
    assert decide(call(usd("0.06")), twice, POLICY) == Allow()
    assert decide(call(usd("1.06")), twice, POLICY) == Allow()


def test_a_budget_of_nothing_is_not_asked_about() -> None:
    decision = decide(call(usd("0.01")), replace(CONTEXT, task_budget=eur("0")), POLICY)
    assert isinstance(decision, Refuse)
    assert decision.code == "budget.task_zero"


@pytest.mark.parametrize(
    ("spent", "until"),
    [
        ({"day": Spend((usd("4.99"),))}, datetime(2026, 3, 10, 23, 0, tzinfo=UTC)),
        ({"month": Spend((usd("49.99"),))}, datetime(2026, 3, 31, 22, 0, tzinfo=UTC)),
        ({"day": Spend((usd("5"),)), "month": Spend((usd("50"),))}, datetime(2026, 3, 31, 22, 0, tzinfo=UTC)),
    ],
)
def test_over_the_days_or_months_budget_waits_for_the_next(spent: dict[str, Any], until: datetime) -> None:
    """Midnight in Berlin is 23:00 UTC in winter, and 22:00 after the clocks went forward on 29 March."""
    decision = decide(call(usd("0.02")), replace(CONTEXT, **spent), POLICY)
    assert isinstance(decision, Defer)
    assert decision.until == until


def test_a_call_larger_than_a_whole_day_is_refused_instead_of_waiting_for_ever() -> None:
    decision = decide(call(usd("5.01")), CONTEXT, POLICY)
    assert isinstance(decision, Refuse)
    assert decision.code == "budget.day_too_small"


def test_a_dollar_price_counts_at_the_operators_rate() -> None:
    cheap = policy_of(rates={"USD": "0.5"})
    assert decide(call(usd("2")), CONTEXT, cheap) == Allow()
    assert codes(decide(call(usd("2.01")), CONTEXT, cheap)) == ["budget.task"]


def test_without_a_rate_it_is_closed_and_names_the_line() -> None:
    decision = decide(call(usd("0.01")), CONTEXT, policy_of(rates={}))
    assert isinstance(decision, Refuse)
    assert decision.code == "rate.missing"
    assert 'USD = "..."' in decision.hint
    assert decide(call(usd("0")), CONTEXT, policy_of(rates={})) == Allow()


def test_a_missing_rate_closes_it_even_where_another_budget_would_only_wait() -> None:
    spent = replace(CONTEXT, day=Spend((usd("0.01"),)), month=Spend((eur("49.99"),)))
    decision = decide(call(eur("0.02")), spent, policy_of(rates={}))
    assert isinstance(decision, Refuse)
    assert decision.code == "rate.missing"


def test_an_unknown_price_is_closed_and_names_the_line() -> None:
    decision = decide(call(None), CONTEXT, POLICY)
    assert isinstance(decision, Refuse)
    assert decision.code == "price.unknown"
    assert "input_price" in decision.hint
    assert "swift-1" in decision.hint
    assert decide(call(None, local=True), CONTEXT, POLICY) == Allow()


def test_confidential_work_stays_on_local_models() -> None:
    decision = decide(call(usd("0.01"), confidential=True), CONTEXT, POLICY)
    assert isinstance(decision, Refuse)
    assert decision.code == "placement.confidential"
    assert decide(call(usd("0"), confidential=True, local=True), CONTEXT, POLICY) == Allow()


NIGHTLY = policy_of(hours={"low_urgency_overnight": True})


def test_low_urgency_waits_for_the_night_when_configured() -> None:
    low = replace(CONTEXT, urgency="low")
    decision = decide(call(usd("0.01")), low, NIGHTLY)
    assert isinstance(decision, Defer)
    assert decision.until == datetime(2026, 3, 10, 21, 0, tzinfo=UTC)
    assert decide(call(usd("0.01")), low, POLICY) == Allow()
    assert decide(call(usd("0.01")), CONTEXT, NIGHTLY) == Allow()


@pytest.mark.parametrize("at", [NOW.replace(hour=21), NOW.replace(hour=23, minute=59), NOW.replace(hour=4)])
def test_at_night_low_urgency_goes_ahead(at: datetime) -> None:
    assert decide(call(usd("0.01")), replace(CONTEXT, urgency="low", now=at), NIGHTLY) == Allow()


def test_a_deadline_before_the_night_does_not_wait() -> None:
    low = replace(CONTEXT, urgency="low", deadline=NOW + timedelta(hours=3))
    assert decide(call(usd("0.01")), low, NIGHTLY) == Allow()


# -- attention


def test_cards_of_low_urgency_wait_when_the_days_attention_is_used_up() -> None:
    policy = policy_of(attention={"cards_per_day": 3})
    low = replace(CONTEXT, urgency="low", cards_today=3)
    decision = decide(invoice("900"), low, policy)
    assert isinstance(decision, Defer)
    assert decision.until == datetime(2026, 3, 10, 23, 0, tzinfo=UTC)
    for context in (replace(low, urgency="normal"), replace(low, cards_today=2), replace(low, deadline=NOW)):
        assert isinstance(decide(invoice("900"), context, policy), NeedsApproval)


# -- reading


@pytest.mark.parametrize(
    ("url", "named", "allow", "expected"),
    [
        ("https://a.example/page", True, (), "Allow"),
        ("https://a.example/page?id=7", True, (), "Allow"),
        ("https://a.example/page", False, ("a.example",), "Allow"),
        ("https://b.a.example/page", False, (".a.example",), "Allow"),
        ("https://a.example/page?leak=secret", False, ("a.example",), "read.carries_data"),
        ("https://a.example/page", False, (), "web.not_allowed"),
        ("https://evil-a.example/", False, (".a.example",), "web.not_allowed"),
        ("file:///etc/passwd", True, (), "web.address"),
        ("http://[", True, (), "web.address"),
    ],
)
def test_pages_are_read_where_the_operator_allows(url: str, named: bool, allow: tuple[str, ...], expected: str) -> None:
    decision = decide(ReadAction(url, named), replace(CONTEXT, web_allow=allow), POLICY)
    match decision:
        case Refuse(code=code):
            assert code == expected
        case NeedsApproval(reasons=(reason,)):
            assert reason.code == expected
        case _:
            assert type(decision).__name__ == expected


# -- properties

_decimals = st.decimals(min_value=-2000, max_value=2000, places=2)
_money = st.builds(Money.of, _decimals, st.sampled_from(["EUR", "USD", "JPY"]))
_monies = st.lists(_money, max_size=3).map(tuple)
_spend = st.builds(Spend, _monies, st.integers(0, 10**6))
_effects = st.builds(
    EffectAction,
    st.sampled_from(["invoice", "mail", "site", "bank"]),
    st.sampled_from(["issue", "send", "publish"]),
    st.just("a"),
    st.sampled_from(["k1", "k2"]),
    st.just("d"),
    st.none() | st.just("acme"),
    st.none() | st.just("x@y.example"),
    st.none() | st.builds(amounts, _decimals, st.sampled_from(["EUR", "USD"])),
    influenced_by=st.frozensets(st.sampled_from(["operator", "web", "mail"])),
    forced_reasons=st.lists(st.text(max_size=5), max_size=2).map(tuple),
    confidence=st.none() | st.floats(),
    follows=st.frozensets(st.sampled_from(["invoice.issue", "ledger.book"])),
    rehearsal=st.booleans(),
    undo=st.booleans(),
)
_calls = st.builds(
    ModelAction, st.just("small"), st.booleans(), st.booleans(), st.none() | _money, st.integers(0, 10**6)
)
_reads = st.builds(ReadAction, st.text() | st.just("https://a.example/?x"), st.booleans())
_alike = st.builds(LookAlike, st.sampled_from(["k1", "k3"]), st.text(max_size=3), _money, st.just(NOW))
_contexts = st.builds(
    Context,
    now=st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    timezone=st.sampled_from([UTC, BERLIN, ZoneInfo("Pacific/Apia"), ZoneInfo("America/New_York")]),
    stopped=st.booleans(),
    client_known=st.booleans(),
    recipient_matches_client=st.booleans(),
    task=_spend,
    day=_spend,
    month=_spend,
    cards_today=st.integers(0, 5),
    day_sums=_monies,
    look_alikes=st.lists(_alike, max_size=2).map(tuple),
    first_of_kind=st.booleans(),
    task_budget=st.none() | _money,
    urgency=st.sampled_from(["low", "normal", "high"]),
    deadline=st.none() | st.just(NOW),
    granted=st.lists(st.sampled_from([Reason("policy.asks", ""), Reason("amount.over_threshold", "")])).map(tuple),
    web_allow=st.sampled_from([(), ("a.example",)]),
)
_policies = st.sampled_from(
    [
        Policy(),
        POLICY,
        NIGHTLY,
        policy_of(attention={"cards_per_day": 2}),
        policy_of(actions={"invoice.issue": {"autonomy": "refuse"}, "mail.send": {"autonomy": "allow"}}),
        policy_of(budgets={"task": {}, "day": {"tokens": 1000}, "month": {"cost": "1"}}),
    ]
)
_actions = st.one_of(_effects, _calls, _reads)
_STRICTNESS: dict[type, int] = {Allow: 0, NeedsApproval: 1, Defer: 1, Refuse: 2}


def strictness(decision: Decision) -> int:
    return _STRICTNESS[type(decision)]


@settings(deadline=None)
@given(_actions, _contexts, _policies)
def test_it_always_answers_and_always_the_same(action: Action, context: Context, policy: Policy) -> None:
    first = decide(action, context, policy)
    assert first == decide(action, context, policy)
    match first:
        case NeedsApproval(reasons=reasons):
            assert reasons
            assert list(reasons) == sorted(reasons)
            assert all(reason.text.strip() or reason.code == "forced" for reason in reasons)
        case Defer(until=until):
            assert until > context.now
        case Refuse(hint=hint):
            assert hint


@settings(deadline=None)
@given(_actions, _contexts, _policies, _money, st.integers(0, 10**6))
def test_having_spent_more_is_never_more_lenient(
    action: Action, context: Context, policy: Policy, money: Money, tokens: int
) -> None:
    def more(spend: Spend) -> Spend:
        return Spend((*spend.costs, money), spend.tokens + tokens)

    poorer = replace(context, task=more(context.task), day=more(context.day), month=more(context.month))
    assert strictness(decide(action, poorer, policy)) >= strictness(decide(action, context, policy))


@settings(deadline=None)
@given(_effects, _contexts, _policies, st.decimals(min_value=0, max_value=2000, places=2), _money)
def test_a_higher_amount_or_sum_is_never_more_lenient(
    action: EffectAction, context: Context, policy: Policy, extra: Decimal, today: Money
) -> None:
    context = replace(context, look_alikes=())
    before = strictness(decide(action, context, policy))
    assert strictness(decide(action, replace(context, day_sums=(*context.day_sums, today)), policy)) >= before
    if action.amounts is not None and action.amounts.gross.amount > 0:
        gross = action.amounts.gross
        higher = replace(action, amounts=amounts(gross.amount + extra, gross.currency))
        assert strictness(decide(higher, context, policy)) >= before


@settings(deadline=None)
@given(_effects, _contexts, _policies, _alike, st.text(min_size=1, max_size=5))
def test_another_doubt_is_never_more_lenient(
    action: EffectAction, context: Context, policy: Policy, alike: LookAlike, text: str
) -> None:
    before = strictness(decide(action, context, policy))
    doubtful: list[tuple[EffectAction, Context]] = [
        (action, replace(context, client_known=False)),
        (action, replace(context, recipient_matches_client=False)),
        (action, replace(context, look_alikes=(*context.look_alikes, alike))),
        (action, replace(context, first_of_kind=True)),
        (action, replace(context, stopped=True)),
        (replace(action, forced_reasons=(*action.forced_reasons, text)), context),
        (replace(action, influenced_by=action.influenced_by | {"model"}), context),
    ]
    if not action.rehearsal:  # a rehearsal's refusal is the end of one that would have gone ahead
        for doubt, facts in doubtful:
            assert strictness(decide(doubt, facts, policy)) >= before
    for doubt, facts in doubtful:
        assert not isinstance(decide(doubt, facts, policy), Allow) or before == 0


@settings(deadline=None)
@given(_actions, _contexts, _policies, st.lists(st.builds(Reason, st.text(), st.text(), st.text())))
def test_no_grant_turns_a_refusal_into_anything_else(
    action: Action, context: Context, policy: Policy, granted: list[Reason]
) -> None:
    bare = decide(action, replace(context, granted=()), policy)
    if isinstance(bare, Refuse):
        assert decide(action, replace(context, granted=tuple(granted)), policy) == bare


@settings(deadline=None)
@given(st.integers(0, 10**30), _contexts)
def test_absurd_amounts_are_refused_not_crashed_on(amount: int, context: Context) -> None:
    decision = decide(invoice(Decimal(amount) * 10**10), replace(context, stopped=False), POLICY)
    if amount * 10**10 > 10**15:
        assert isinstance(decision, Refuse)
        assert decision.code == "amount.absurd"


@settings(deadline=None)
@given(_contexts, _money, st.integers(0, 10**6))
def test_allowed_calls_never_spend_more_than_a_budget(context: Context, cost: Money, tokens: int) -> None:
    """What is open plus this call's upper bound stays within day and month, at the operator's rate (here 1)."""
    action = ModelAction("large", False, False, cost, tokens)
    if isinstance(decide(action, context, POLICY), Allow) and cost.amount > 0:
        for spend, limit in ((context.day, 5), (context.month, 50)):
            assert sum(max(Decimal(0), m.amount) for m in spend.costs) + cost.amount <= limit
