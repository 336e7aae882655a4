"""Recipes: known goals as data files, built in and the operator's own (`recipes/`, which win over a built-in name)."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from agentos.errors import WorkspaceError
from agentos.platform import AgentModule
from agentos.tasks.plan import Plan, Step, references


class Recipe(BaseModel):
    """A plan with open slots. `title` is a str.format over the slots; `requires` names the slots that must be
    filled."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    workflow: str
    title: str
    requires: tuple[str, ...] = ()
    merge: dict[str, Literal["union", "min", "max", "agree"]] = {}
    steps: tuple[Step, ...]


def load_recipes(own: Path | None) -> dict[str, Recipe]:
    """workflow -> recipe. A file of the operator's that can't be used stops with its name and what was expected."""
    found: dict[str, Recipe] = {}
    for entry in sorted(files("graphs").joinpath("recipes").iterdir(), key=lambda e: e.name):
        if entry.name.endswith(".toml"):
            recipe = _parse(entry.read_text(encoding="utf-8"), entry.name)
            found[recipe.workflow] = recipe
    for path in sorted(own.glob("*.toml")) if own is not None and own.is_dir() else []:
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise WorkspaceError(
                f"can't be read: {error}", where=f"recipes/{path.name}", hint="Save it as UTF-8."
            ) from None
        recipe = _parse(text, f"recipes/{path.name}")
        found[recipe.workflow] = recipe
    return found


def _parse(text: str, where: str) -> Recipe:
    try:
        return Recipe.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise WorkspaceError(str(error), where=where, hint="Mend the file; `agentos doctor` checks it.") from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise WorkspaceError(
            f"{place}: {first['msg']}", where=where, hint="See recipes/README.md for what a recipe holds."
        ) from None


def to_plan(recipe: Recipe, slots: Mapping[str, Any], agents: Mapping[str, AgentModule]) -> Plan:
    """The plan of a recipe, naming the versions of the agents it was made for. Raises WorkspaceError when it can't
    work."""
    steps = []
    for step in recipe.steps:
        if step.kind == "agent":
            if step.agent not in agents:
                raise WorkspaceError(f"there is no agent {step.agent!r}", where=recipe.workflow, hint=_known(agents))
            step = step.model_copy(update={"agent_version": agents[step.agent].manifest.version})
        steps.append(step)
    try:
        plan = Plan(workflow=recipe.workflow, title=_title(recipe, slots), steps=tuple(steps), merge=dict(recipe.merge))
    except ValidationError as error:
        raise WorkspaceError(error.errors()[0]["msg"], where=recipe.workflow) from None
    check_inputs(plan, agents)
    return plan


def check_inputs(plan: Plan, agents: Mapping[str, AgentModule]) -> None:
    """Every reference leads to a slot or to a step that stands before, every input is one the agent takes, and none it
    requires is absent."""
    for step in plan.steps:
        names = references(dict(step.inputs)) - {"slots", "intent", "language"}
        if strange := names - set(step.needs):
            raise WorkspaceError(
                f"step {step.id!r} refers to {sorted(strange)} without needing it",
                where=plan.workflow,
                hint="Add it to needs.",
            )
        if step.kind == "agent":
            fields = agents[step.agent].Request.model_fields
            if unknown := set(step.inputs) - set(fields):
                raise WorkspaceError(
                    f"step {step.id!r}: agent {step.agent!r} does not take {sorted(unknown)}.",
                    where=f"recipe {plan.workflow}", hint=f"It takes {sorted(fields)}.",
                )  # fmt: skip
            needed = {name for name, field in fields.items() if field.is_required()}
            if absent := needed - set(step.inputs):
                raise WorkspaceError(
                    f"step {step.id!r}: agent {step.agent!r} needs {sorted(absent)}", where=plan.workflow
                )


def _title(recipe: Recipe, slots: Mapping[str, Any]) -> str:
    class Open(dict[str, Any]):
        def __missing__(self, key: str) -> str:
            return "…"

    known = Open({key: value for key, value in slots.items() if isinstance(value, str)})
    try:
        return recipe.title.format_map(known)
    except (ValueError, LookupError, AttributeError) as error:
        hint = "Write a slot's name in braces, as in {topic}, and {{ for a brace."
        raise WorkspaceError(f"title: {error}", where=recipe.workflow, hint=hint) from None


def _known(agents: Mapping[str, AgentModule]) -> str:
    return f"There are {', '.join(sorted(agents))}."
