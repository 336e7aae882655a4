"""Prices: the operator's figures, nothing for a local model, the package's copy, and closed where nobody knows."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentos.models import UnknownPrice, Usage
from agentos.models.candidates import label
from agentos.models.prices import price_of
from agentos.workspace.model import ModelEndpoint

AT = datetime(2026, 3, 1, tzinfo=UTC)


def cost(endpoint: ModelEndpoint, usage: Usage) -> Decimal:
    return price_of(endpoint, tier="small", at=AT)(usage).amount


def test_a_listed_model_has_a_price_and_its_cached_input_is_cheaper() -> None:
    endpoint = ModelEndpoint(model="gpt-4o-mini")
    full = cost(endpoint, Usage(input_tokens=1_000_000, output_tokens=1_000_000))
    cached = cost(endpoint, Usage(input_tokens=1_000_000, output_tokens=1_000_000, cached_input_tokens=500_000))
    assert 0 < cached < full
    assert price_of(endpoint, tier="small", at=AT)(Usage(input_tokens=1)).currency == "USD"


def test_the_operators_figures_win_over_the_list_and_over_local() -> None:
    usage = Usage(input_tokens=1_000_000, output_tokens=2_000_000)
    for local in (False, True):
        own = ModelEndpoint(model="gpt-4o-mini", local=local, input_price=Decimal("0.30"), output_price=Decimal("1.10"))
        assert cost(own, usage) == Decimal("2.50")


@settings(deadline=None)
@given(st.integers(0, 10**9), st.integers(0, 10**9), st.decimals(0, 1000, places=4), st.decimals(0, 1000, places=4))
def test_own_prices_are_exact_and_linear(given_: int, made: int, dear: Decimal, dearer: Decimal) -> None:
    endpoint = ModelEndpoint(model="x", input_price=dear, output_price=dearer)
    once = cost(endpoint, Usage(input_tokens=given_, output_tokens=made))
    assert once == (dear * given_ + dearer * made) / 1_000_000
    assert cost(endpoint, Usage(input_tokens=2 * given_, output_tokens=2 * made)) == 2 * once


@pytest.mark.parametrize(
    "settings_",
    [
        {"model": "no-such-model"},
        {"model": "gpt-4o-mini", "base_url": "https://proxy.example.com/v1"},
        {"model": "no-such-model", "input_price": "1"},
        {"model": "no-such-model", "output_price": "1"},
    ],
)
def test_where_nobody_knows_the_price_it_is_closed(settings_: dict[str, Any]) -> None:
    with pytest.raises(UnknownPrice) as caught:
        price_of(ModelEndpoint(**settings_), tier="large", at=AT)
    assert "[[models.large]]" in caught.value.hint
    assert caught.value.code == "model.unknown_price"


def test_a_local_model_costs_nothing() -> None:
    endpoint = ModelEndpoint(model="anything", base_url="http://127.0.0.1:8080/v1", local=True)
    assert cost(endpoint, Usage(input_tokens=10**9, output_tokens=10**9)) == 0


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (None, "api.openai.com"),
        ("http://127.0.0.1:8080/v1", "127.0.0.1:8080"),
        ("https://me:secret@models.example.com/v1?key=secret", "models.example.com"),
        ("nonsense", "?"),
    ],
)
def test_an_endpoint_is_named_by_host_and_port_only(url: str | None, shown: str) -> None:
    assert label(ModelEndpoint(model="x", base_url=url)) == shown
