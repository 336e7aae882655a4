"""Recipes: known goals as data files, built in and the operator's own (`recipes/`, which win over a built-in name)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from agentos.errors import WorkspaceError
from agentos.intents.model import SLOTS
from agentos.platform import AgentModule
from agentos.tasks.plan import Plan, Step, references, slots_of
from agentos.workspace.lines import Key
from agentos.workspace.read import MAX_BYTES, decode, parse, read_bytes, relative, validate, wrong

RESERVED = ("intake", "plan", "slots", "intent", "language")
"""No step may be called so: the coordinator's own steps, which are recorded before a plan's, and what inputs refer
to."""


class Recipe(BaseModel):
    """A plan with open slots. `title` is a str.format over the slots; `requires` names the slots that must be
    filled."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    workflow: str
    title: str
    requires: tuple[str, ...] = ()
    merge: dict[str, Literal["union", "min", "max", "agree"]] = {}
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class Shelf:
    """`broken` is by the workflow that a file seems to be for: what is wrong with it, raised when that is wanted."""

    recipes: dict[str, Recipe]
    broken: dict[str, WorkspaceError]

    @property
    def workflows(self) -> set[str]:
        return {*self.recipes, *self.broken}


def load_shelf(own: Path | None, agents: Mapping[str, AgentModule] | None = None) -> Shelf:
    """The built-in recipes and those of `own`, the workspace's `recipes/`. A file that can't be used stops nothing
    else; with `agents` it must also be a plan that they can carry out."""
    recipes = dict(_built_in())
    broken: dict[str, WorkspaceError] = {}
    for path in sorted(own.glob("*.toml")) if own is not None else []:
        try:
            recipe = _read(path, agents)
            recipes[recipe.workflow] = recipe
        except WorkspaceError as error:
            broken[_seemingly_for(path)] = error
    return Shelf(recipes, broken)


@cache
def _built_in() -> Mapping[str, Recipe]:
    """They change with the program only, and reading them costs more than running a step."""
    recipes: dict[str, Recipe] = {}
    for entry in sorted(files("graphs").joinpath("recipes").iterdir(), key=lambda e: e.name):
        if entry.name.endswith(".toml"):
            text = entry.read_text(encoding="utf-8")
            recipe = validate(Recipe, parse(text, entry.name), text, entry.name)
            recipes[recipe.workflow] = recipe
    return recipes


def _read(path: Path, agents: Mapping[str, AgentModule] | None) -> Recipe:
    """A file of the operator's. Raises WorkspaceError with the line and what was expected."""
    root = path.parent.parent
    where = relative(root, path)
    text = decode(read_bytes(root, path), where)
    recipe = validate(Recipe, parse(text, where), text, where)
    for key, message, hint in _faults(recipe, agents):
        raise wrong(text, where, key, message, hint)
    return recipe


def _faults(recipe: Recipe, agents: Mapping[str, AgentModule] | None) -> Iterator[tuple[Key, str, str]]:
    """(key, what is wrong, what was expected), as `agentos.workspace.checks` gives them."""
    for index, step in enumerate(recipe.steps):
        if agents is not None and step.kind == "agent" and step.agent not in agents:
            yield ("steps", index, "agent"), f"is {step.agent!r}, and there is no such agent.", _known(agents)
    try:
        plan = _plan(recipe, {}, recipe.steps)
    except (WorkspaceError, ValidationError) as error:
        said = error.errors()[0]["msg"] if isinstance(error, ValidationError) else error.message
        yield ("steps",) if isinstance(error, ValidationError) else ("title",), f"can't work: {said}.", ""
        return
    for index, message, hint in _input_faults(plan, agents or {}, recipe.requires):
        yield ("steps", index, "inputs"), f"can't work: {message}.", hint


def _seemingly_for(path: Path) -> str:
    """The workflow that a broken file names, as far as that can be read; else the file's own name."""
    try:
        readable = path.is_file() and path.stat().st_size <= MAX_BYTES  # a pipe would be waited for
        text = path.read_text("utf-8", "replace") if readable else ""
    except OSError:
        text = ""
    found = re.search(r"""^\s*workflow\s*=\s*["']([^"'\n]+)""", text, re.MULTILINE)
    return found[1] if found else path.stem


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
        plan = _plan(recipe, slots, tuple(steps))
    except ValidationError as error:
        raise WorkspaceError(error.errors()[0]["msg"], where=recipe.workflow) from None
    check_inputs(plan, agents, (*recipe.requires, *slots))
    return plan


def _plan(recipe: Recipe, slots: Mapping[str, Any], steps: tuple[Step, ...]) -> Plan:
    return Plan(workflow=recipe.workflow, title=_title(recipe, slots), steps=steps, merge=dict(recipe.merge))


def check_inputs(plan: Plan, agents: Mapping[str, AgentModule], slots: Iterable[str]) -> None:
    """References lead to slots that something fills or to steps that stand before, every input is one the agent takes
    as it is, none it needs is absent, and effects are those of steps that are there. `slots`: those beside intake's."""
    for _, message, hint in _input_faults(plan, agents, slots):
        raise WorkspaceError(message, where=f"recipe {plan.workflow}", hint=hint)


def _input_faults(
    plan: Plan, agents: Mapping[str, AgentModule], slots: Iterable[str]
) -> Iterator[tuple[int, str, str]]:
    """(index of the step, what is wrong, what was expected). What an unknown agent takes is not known."""
    filled = {*SLOTS, *slots}
    for index, step in enumerate(plan.steps):
        if unfilled := sorted(slots_of(dict(step.inputs)) - filled):
            said = f"step {step.id!r} refers to the slot {unfilled[0]!r}, which nothing fills"
            yield index, said, f"Add it to requires, and it is asked for; of itself there are {', '.join(SLOTS)}."
        if step.id in RESERVED:
            yield index, f"the id {step.id!r} is reserved", "Call the step something else."
        if step.kind == "effects":
            yield from ((index, message, hint) for message, hint in _effects_faults(step))
        names = references(dict(step.inputs)) - {"slots", "intent", "language"}
        if strange := names - set(step.needs):
            yield index, f"step {step.id!r} refers to {sorted(strange)} without needing it", "Add it to needs."
        if step.kind == "agent" and step.agent in agents:
            fields = agents[step.agent].Request.model_fields
            if unknown := set(step.inputs) - set(fields):
                said = f"step {step.id!r}: agent {step.agent!r} does not take {sorted(unknown)}"
                yield index, said, f"It takes {sorted(fields)}."
            needed = {name for name, field in fields.items() if field.is_required()}
            if absent := needed - set(step.inputs):
                yield index, f"step {step.id!r}: agent {step.agent!r} needs {sorted(absent)}", "Add it to inputs."
            for name in sorted(step.inputs.keys() & fields.keys()):
                if said := _unfit(agents[step.agent].Request, name, step.inputs[name]):
                    yield index, f"step {step.id!r}: agent {step.agent!r} can't take this {name}: {said}", ""


def _effects_faults(step: Step) -> Iterator[tuple[str, str]]:
    """An effects step that names nothing would do nothing, and say that it is done."""
    undone = step.inputs.get("undo")
    if step.inputs.keys() == {"undo"} and (undone == "$slots.effects" or isinstance(undone, list | tuple)):
        return
    sources = step.inputs.get("from")
    if step.inputs.keys() != {"from"} or not isinstance(sources, list | tuple) or not sources:
        yield f"the effects step {step.id!r} names no steps", 'As in: inputs = { from = ["post"] }'
    elif strange := [source for source in sources if source not in step.needs]:
        yield f"the effects step {step.id!r} names {strange} without needing it", "Add it to needs."


def _unfit(request: type[BaseModel], name: str, value: Any) -> str:
    """Why an agent can't take a value; "" when it can, and where it refers to what is not known yet."""
    if references(value):
        return ""
    try:
        _taker(request, name).validate_python(value)
    except ValidationError as error:
        return error.errors()[0]["msg"][0].lower() + error.errors()[0]["msg"][1:]
    return ""


@cache
def _taker(request: type[BaseModel], name: str) -> TypeAdapter[Any]:
    field = request.model_fields[name]
    taken: Any = Annotated[field.annotation, field]
    return TypeAdapter(taken)


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
