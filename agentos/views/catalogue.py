"""Every view by its name, those first that others are made from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from types import MappingProxyType

from agentos.errors import AgentOSError
from agentos.views.tables import (
    agents,
    approvals,
    balances,
    calls,
    clients,
    costs,
    drifts,
    effects,
    invoices,
    kpis,
    numbers,
    postings,
    receivables,
    reconciliation,
    steps,
    tasks,
)
from agentos.views.view import HISTORY, Column, Moment, View

__all__ = ["HISTORY", "VIEWS", "Column", "Moment", "View", "chosen"]

_ALL = (
    tasks, steps, approvals, effects, numbers, calls, drifts,
    postings, invoices, receivables, balances, clients, costs, agents, kpis, reconciliation,
)  # fmt: skip
VIEWS: Mapping[str, View] = MappingProxyType({module.VIEW.name: module.VIEW for module in _ALL})


def chosen(names: Iterable[str] | None = None) -> list[View]:
    """These views and all that they are made from, in the order in which they are made. Raises AgentOSError for a name
    that no view has."""
    if names is None:
        return list(VIEWS.values())
    wanted: set[str] = set()
    for name in names:
        _want(name, wanted)
    return [view for view in VIEWS.values() if view.name in wanted]


def _want(name: str, wanted: set[str]) -> None:
    view = VIEWS.get(name)
    if view is None:
        near = get_close_matches(name, VIEWS, n=1)
        hint = f"Did you mean {near[0]}?" if near else f"There are {', '.join(VIEWS)}."
        raise AgentOSError(f"There is no view {name!r}.", hint=hint, code="view.unknown")
    wanted.add(name)
    for other in view.depends:
        if other != HISTORY:
            _want(other, wanted)
