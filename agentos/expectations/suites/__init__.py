"""Every suite by its view. Importing this takes seconds: see `agentos.expectations.great`."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from agentos.expectations.suite import Suite
from agentos.expectations.suites import agents, business, money, trust, work

_ALL = (
    work.TASKS, work.STEPS,
    trust.APPROVALS, trust.EFFECTS, trust.NUMBERS, trust.DRIFTS, trust.RECONCILIATION,
    agents.CALLS, agents.AGENTS,
    money.INVOICES, money.RECEIVABLES, money.POSTINGS, money.BALANCES, money.COSTS,
    business.CLIENTS, business.KPIS,
)  # fmt: skip
SUITES: Mapping[str, Suite] = MappingProxyType({one.view: one for one in _ALL})
