"""Rules as data: `policy.toml` as one frozen model, and one pure function that answers "may this happen now?"."""

from __future__ import annotations

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
    Spend,
)
from agentos.policy.decide import decide
from agentos.policy.model import Policy, Rule

__all__ = [
    "Action",
    "Allow",
    "Context",
    "Decision",
    "Defer",
    "EffectAction",
    "LookAlike",
    "ModelAction",
    "NeedsApproval",
    "Policy",
    "ReadAction",
    "Reason",
    "Refuse",
    "Rule",
    "Spend",
    "decide",
]
