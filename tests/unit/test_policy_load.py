from __future__ import annotations

from decimal import Decimal

import pytest

from agentos.errors import WorkspaceError
from agentos.policy.load import parse_policy, template
from agentos.policy.model import Policy


def test_the_template_is_a_working_policy() -> None:
    policy = parse_policy(template())

    issue = policy.rule("invoice", "issue")
    assert issue is not None
    assert (issue.autonomy, issue.below, issue.known_clients_only) == ("allow", Decimal(500), True)
    publish = policy.rule("site", "publish")
    assert publish is not None
    assert publish.autonomy == "ask"
    assert policy.rates == {"USD": Decimal(1)}
    assert (policy.approvals.expires_hours, policy.approvals.warn_hours) == (72, 12)


def test_every_setting_of_the_model_is_explained_in_the_template() -> None:
    named = template()
    for field in Policy.model_fields:
        assert field in named, field


def test_an_empty_file_has_no_rule_for_anything() -> None:
    assert parse_policy("").rule("invoice", "issue") is None


def test_an_amount_without_quotes_is_read_exactly() -> None:
    rule = parse_policy('[actions."invoice.issue"]\nautonomy = "allow"\nbelow = 499.99\n').rule("invoice", "issue")
    assert rule is not None
    assert rule.below == Decimal("499.99")


@pytest.mark.parametrize(
    ("text", "where", "says"),
    [
        ('currency = "EUR"\nmin_confidence = ', "policy.toml:2", "not valid TOML"),
        ('currency = "euro"', "policy.toml:1", "currency"),
        ('\n[actions."invoice.issue"]\nautonomy = "alow"\n', "policy.toml:3", "'allow', 'ask' or 'refuse'"),
        ('[actions."invoice.issue"]\nbelow = "5"\n', "policy.toml:1", "autonomy is missing"),
        ('[actions."invoice.issue"] # mine\nautonomy = "ask"\nbellow = "5"\n', "policy.toml:3", "is not a setting"),
        ('[actions."invoice.issue"]\nautonomy = "ask"\nbelow = "-5"\n', "policy.toml:3", "greater than or equal to 0"),
        ('[actions."invoice.issue"]\nautonomy = "ask"\nbelow = "NaN"\n', "policy.toml:3", "finite number"),
        ('[actions.publish]\nautonomy = "ask"\n', "policy.toml:1", "pattern"),
        ('[rates]\nUSD = "0"\n', "policy.toml:2", "greater than 0"),
        ("[budgets.day]\ntokens = -1\n", "policy.toml:2", "greater than or equal to 0"),
        ("[approvals]\nexpires_hours = 2\nwarn_hours = 12\n", "policy.toml:1", "smaller than expires_hours"),
        ("budgets.day.tokens = 1.5\n", "policy.toml:1", "integer"),
    ],
)
def test_what_is_wrong_is_named_with_file_and_line(text: str, where: str, says: str) -> None:
    with pytest.raises(WorkspaceError) as caught:
        parse_policy(text)
    assert caught.value.where == where
    assert says in caught.value.message
    assert caught.value.hint


def test_a_misspelt_setting_is_answered_with_the_right_one() -> None:
    with pytest.raises(WorkspaceError, match=r"Did you mean below\?"):
        parse_policy('[actions."invoice.issue"]\nautonomy = "ask"\nbellow = "5"\n')
