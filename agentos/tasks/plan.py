"""A plan is data in the log: steps with their agents, inputs by reference and dependencies."""

from __future__ import annotations

import re
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

MOST_STEPS = 40
_REFERENCE = re.compile(r"\$[a-z][a-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*\Z")
"""A whole text of this form, and no other: "$500 for Acme" is what somebody said."""


class Step(BaseModel):
    """One step. `inputs` are values, or references: "$slots.topic", "$research.passages", "$intent.text".

    redo: the step to which a semantic failure of this one is sent back, at most `at_most` times in all.
    kind "effects": the coordinator carries out the proposals of the steps it needs; no agent runs.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(pattern=r"^[a-z][a-z0-9_]{0,40}$")
    kind: Literal["agent", "effects"] = "agent"
    agent: str = ""
    agent_version: str = ""
    inputs: dict[str, Any] = {}
    needs: tuple[str, ...] = ()
    tier: str | None = None
    redo: str | None = None
    at_most: int = Field(default=3, ge=1, le=10)


class Plan(BaseModel):
    """A directed acyclic graph of steps, in an order in which every step stands after what it needs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    workflow: str
    title: str
    steps: tuple[Step, ...] = Field(min_length=1, max_length=MOST_STEPS)
    merge: dict[str, str] = {}
    """Field of the outcome -> rule ("union", "min", "agree"): how parallel outputs become one value."""

    @model_validator(mode="after")
    def _ordered(self) -> Plan:
        seen: set[str] = set()
        for step in self.steps:
            if step.id in seen:
                raise ValueError(f"step {step.id!r} stands twice")
            if missing := set(step.needs) - seen:
                raise ValueError(f"step {step.id!r} needs {sorted(missing)}, which do not stand before it")
            if step.redo is not None and step.redo not in _upstream(self.steps, step):
                raise ValueError(f"step {step.id!r} sends back to {step.redo!r}, which it does not rest on")
            seen.add(step.id)
        return self

    def step(self, id: str) -> Step:
        return next(step for step in self.steps if step.id == id)

    def downstream(self, id: str) -> set[str]:
        """`id` and every step that rests on it."""
        found = {id}
        for step in self.steps:
            if found & set(step.needs):
                found.add(step.id)
        return found

    def shape(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """What a compiled graph depends on: two plans of one shape share it."""
        return tuple((step.id, step.needs) for step in self.steps)


def _upstream(steps: tuple[Step, ...], of: Step) -> set[str]:
    found = set(of.needs)
    for step in reversed(steps):
        if step.id in found:
            found |= set(step.needs)
    return found


def references(value: Any) -> set[str]:
    """The names that inputs refer to: {"slots", "research"} for ["$slots.topic", {"p": "$research.passages"}]."""
    return {path[0] for path in _paths(value)}


def slots_of(value: Any) -> set[str]:
    """The slots that inputs refer to: {"topic"} for ["$slots.topic", "$research.passages"]."""
    return {path[1] for path in _paths(value) if path[0] == "slots" and len(path) > 1}


def _paths(value: Any) -> set[tuple[str, ...]]:
    if isinstance(value, str):
        return {tuple(value[1:].split("."))} if _REFERENCE.match(value) else set()
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    return set[tuple[str, ...]]().union(*(_paths(part) for part in parts))


def resolve(value: Any, known: dict[str, Any]) -> Any:
    """`value` with references replaced. A reference to what is not there becomes None."""
    if isinstance(value, str) and _REFERENCE.match(value):
        found: Any = known
        for part in value[1:].split("."):
            found = found.get(part) if isinstance(found, dict) else None
        return found
    if isinstance(value, dict):
        return {key: resolve(part, known) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [resolve(part, known) for part in value]
    return value
