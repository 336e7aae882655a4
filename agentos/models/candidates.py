"""Who may be asked: a tier's endpoints in their order, with key, placement and price settled before it is sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import urlsplit

from agentos.errors import Missing
from agentos.models.errors import ModelPermanent
from agentos.models.prices import OPENAI, Price, price_of
from agentos.models.request import ModelTier, Usage
from agentos.workspace.model import ModelEndpoint, ModelSettings

NO_KEY = "none"
"""Sent to servers that want no key; the client library insists on one."""


@dataclass(frozen=True)
class Candidate:
    """An endpoint that may be asked. The key never shows in a repr."""

    endpoint: ModelEndpoint
    tier: str
    key: str = field(repr=False)
    price: Price = field(repr=False)

    @property
    def label(self) -> str:
        """Host and port: how errors, events and answers name the endpoint. User info, path and query may hold a key."""
        return label(self.endpoint)

    @property
    def circuit(self) -> str:
        return f"models:{self.label}/{self.endpoint.model}"

    @property
    def free(self) -> bool:
        return not self.price(Usage(input_tokens=1_000_000, output_tokens=1_000_000)).amount


def label(endpoint: ModelEndpoint) -> str:
    parts = urlsplit(endpoint.base_url or OPENAI)
    return f"{parts.hostname or '?'}:{parts.port}" if parts.port else parts.hostname or "?"


def key_variable(endpoint: ModelEndpoint) -> str | None:
    """The environment variable that must hold the key, or None where the endpoint wants none."""
    if endpoint.api_key_env:
        return endpoint.api_key_env
    return None if endpoint.base_url else "OPENAI_API_KEY"


def key_of(endpoint: ModelEndpoint, environ: Mapping[str, str]) -> str | None:
    """The key, NO_KEY where none is wanted, None where it is missing."""
    variable = key_variable(endpoint)
    return NO_KEY if variable is None else environ.get(variable, "").strip() or None


def allowed(settings: ModelSettings, tier: ModelTier, *, confidential: bool) -> list[tuple[str, ModelEndpoint]]:
    """(tier, endpoint) in the order to ask. Confidential work goes to local endpoints of the tier, then of `local`."""
    tiers = (tier, "local") if confidential and tier != "local" else (tier,)
    found = [(name, endpoint) for name in tiers for endpoint in getattr(settings, name)]
    return [(n, e) for n, e in found if not confidential or on_own_machine(e)]


def on_own_machine(endpoint: ModelEndpoint) -> bool:
    """Marked local, and with an address: one without would be asked at api.openai.com, whatever its mark says."""
    return endpoint.local and endpoint.base_url is not None


def candidates(
    settings: ModelSettings, environ: Mapping[str, str], tier: ModelTier, *, confidential: bool, at: datetime
) -> list[Candidate]:
    """At least one. Raises Missing (no endpoint, or no key for any), ModelPermanent (placement), UnknownPrice."""
    endpoints = allowed(settings, tier, confidential=confidential)
    if not endpoints:
        raise _nobody(settings, tier, confidential)
    ready = [(n, e, key) for n, e in endpoints if (key := key_of(e, environ)) is not None]
    if not ready:
        name, first = endpoints[0]
        raise Missing(
            f"The key for {first.model}",
            where=f"environment variable {key_variable(first)}",
            hint=f"Set it, or name another one as api_key_env under [[models.{name}]] in agentos.toml.",
        )
    return [Candidate(e, n, key, price_of(e, tier=n, at=at)) for n, e, key in ready]


def _nobody(settings: ModelSettings, tier: ModelTier, confidential: bool) -> Missing | ModelPermanent:
    if confidential and getattr(settings, tier):
        return ModelPermanent(
            f"This work is confidential and tier {tier} has no model on your own machine.",
            code="model.placement",
            hint="Add a [[models.local]] with base_url and local = true to agentos.toml.",
        )
    return Missing(
        f"A model of tier {tier}",
        where=f"agentos.toml, [[models.{tier}]]",
        hint="Name a model there, or let the offline writer do the work.",
    )
