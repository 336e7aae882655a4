"""What a task's steps came to, with what was edited laid over it and large results opened."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from agentos.errors import AgentOSError
from agentos.platform import Store
from agentos.tasks.rows import opened_rows
from agentos.tasks.state import TaskState
from agentos.tasks.values import unpack
from agents.text.answers import is_answer, told

Json = dict[str, Any]


def output_of(store: Store, state: TaskState, step: str) -> Json | None:
    """A step's result; None where there is none yet, or its client was forgotten."""
    known = state.steps.get(step)
    if known is None or known.output is None:
        return None
    value = unpack(known.output, store.blobs, state.subject)
    return value | known.patch if isinstance(value, dict) else None


def results_of(store: Store, state: TaskState) -> dict[str, Json]:
    """step -> its result, in the order of the plan."""
    planned = [step["id"] for step in (state.plan or {}).get("steps", ())]
    found = {id: output_of(store, state, id) for id in dict.fromkeys([*planned, *state.steps])}
    return {id: output for id, output in found.items() if output is not None}


def result_of(store: Store, state: TaskState, step: str) -> Json:
    """Raises AgentOSError, naming the steps that have one."""
    results = results_of(store, state)
    if step not in results:
        known = ", ".join(results) or "none yet"
        raise AgentOSError(
            f"There is no result of a step {step!r}.", hint=f"Steps with a result: {known}.", code="step.no_result"
        )
    return results[step]


def text_of_task(store: Store, state: TaskState) -> str | None:
    """The text that the task has made, as Markdown with its title: that of the last step that holds one."""
    texts = [text for output in results_of(store, state).values() if (text := text_in(output)) is not None]
    return texts[-1] if texts else None


def text_in(output: Json) -> str | None:
    """Its text as Markdown; of an answer from the views its sentence and table, which are made when they are read."""
    if is_answer(output):
        return told(output).markdown
    if not isinstance(output.get("markdown"), str):
        return None
    title = str(output.get("title") or "").strip()
    return f"# {title}\n\n{output['markdown']}" if title else str(output["markdown"])


def proposed(store: Store, state: TaskState) -> list[str]:
    """Titles of what its steps have proposed and the task has not begun: a mail that is held, say."""
    begun = {(effect.data["source"], effect.data["slot"]) for effect in state.effects.values()}
    return [
        str(proposal["title"])
        for step, output in results_of(store, state).items()
        for proposal in output.get("proposals") or ()
        if (step, proposal["slot"]) not in begun
    ]


def save(text: str, path: Path) -> None:
    """Write a new file: what stands there already is not overwritten."""
    try:
        with open(path, "x", encoding="utf-8") as file:
            file.write(text if text.endswith("\n") else f"{text}\n")
    except FileExistsError:
        raise AgentOSError(f"{path} is there already.", hint="Name another file.", code="file.exists") from None


def opened(value: Any, store: Store, subject: str | None) -> Any:
    """`value` with every blob it names opened: what an event tells, whole. A forgotten one reads as None."""
    if isinstance(value, dict):
        if value.keys() == {"$blob"}:
            return opened(unpack(value, store.blobs, subject), store, subject)
        value = opened_rows(value, store.sealer)
        return {key: opened(part, store, subject) for key, part in value.items()}
    return [opened(part, store, subject) for part in value] if isinstance(value, list) else value
