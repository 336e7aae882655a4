"""How parallel outputs become one value: by a typed rule of the recipe, never by who wrote last."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from agentos.tasks.run import TaskRun
from agentos.tasks.values import canonical


class Contradiction(ValueError):
    """Two steps say different things where the recipe wants them to agree."""

    field = ""


def union(values: Sequence[Any]) -> list[Any]:
    """Everything that any of them holds, each once, in the order in which it was first seen."""
    seen: dict[bytes, Any] = {}
    for value in values:
        for part in value if isinstance(value, list) else [value]:
            seen.setdefault(canonical(part), part)
    return list(seen.values())


def agree(values: Sequence[Any]) -> Any:
    """The one value that all of them name."""
    distinct = {canonical(value) for value in values}
    if len(distinct) > 1:
        raise Contradiction(f"{len(distinct)} different values")
    return values[0]


RULES: dict[str, Callable[[Sequence[Any]], Any]] = {
    "union": union,
    "min": min,
    "max": max,
    "agree": agree,
}


def merged_outcome(run: TaskRun) -> dict[str, Any]:
    """The plan's merged fields over all steps' outputs."""
    result: dict[str, Any] = {}
    for name, rule in run.plan.merge.items():
        values = [
            output[name]
            for step in run.plan.steps
            if isinstance(output := run.output(step.id), dict) and output.get(name) is not None
        ]
        try:
            if values:
                result[name] = RULES[rule](values)
        except Contradiction as error:
            error.field = name
            raise
        except (TypeError, ValueError) as error:  # values that the rule can't put in order
            contradiction = Contradiction(str(error))
            contradiction.field = name
            raise contradiction from error
    return result
