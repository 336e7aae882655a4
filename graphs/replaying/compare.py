"""When two events say the same: what must differ between two runs (moments, fresh ids, prices) is left out."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

from agentos.events.blobs import Blobs
from agentos.tasks.rows import opened_rows
from agentos.tasks.values import unpack

Json = dict[str, Any]
_LEFT_OUT: dict[str, tuple[str, ...]] = {
    "task.planned": ("estimate.cost", "estimate.tier", "estimate.minutes"),
    "task.resumed": ("by",),
    "task.completed": ("actual.minutes",),
    "step.started": ("agent_version", "tier", "now", "seed"),
    "step.failed": ("retry_at",),
    "effect.failed": ("retry_at",),
    "approval.requested": ("card", "expires_at", "body.warns_at", "body.content"),
    "approval.withdrawn": ("card",),
}
"""Dotted paths. Prices and what models are configured are not recorded; times and card ids are new in every run."""
_OF_AN_UNDO = ("approved", "assigned", "payload_digest")
"""The proposal of an undo is an outside system's answer, and is taken from the record."""


def same_form(type: str, data: Json, blobs: Blobs, subject: str | None) -> Json:
    """The payload with large values opened, and without what differs between any two runs."""
    form: Json = _opened(deepcopy(dict(data)), blobs, subject)
    left_out = _LEFT_OUT.get(type, ())
    if type == "effect.started" and form.get("undoes"):
        left_out = (*left_out, *_OF_AN_UNDO)
    for path in left_out:
        _drop(form, path.split("."))
    if type == "task.planned":
        for step in form["plan"]["steps"]:
            step.pop("agent_version", None)
    if type == "task.parked":
        form["why"] = [_wait(why) for why in form["why"]]
    return form


def _wait(why: Json) -> Json:
    """A moment, and the sentence about it, are this run's own; which step waits, or which card, is not."""
    kept = ("kind", "on") if why.get("until") else ("kind", "why")
    return {key: why.get(key) for key in kept}


def _drop(form: Any, path: list[str]) -> None:
    for part in path[:-1]:
        form = form.get(part) if isinstance(form, dict) else None
    if isinstance(form, dict):
        form.pop(path[-1], None)


def _opened(value: Any, blobs: Blobs, subject: str | None) -> Any:
    if isinstance(value, dict):
        if value.keys() == {"$blob"}:
            return unpack(value, blobs, subject)
        value = opened_rows(value, blobs.sealer)
        return {key: _opened(part, blobs, subject) for key, part in value.items()}
    return [_opened(part, blobs, subject) for part in value] if isinstance(value, list | tuple) else value


def first_difference(recorded: Any, said: Any) -> str | None:
    """The path of the first place where two JSON values differ, with both sides cut to a readable length."""
    return next(_differences(recorded, said, ""), None)


def _differences(recorded: Any, said: Any, path: str) -> Iterator[str]:
    if isinstance(recorded, dict) and isinstance(said, dict):
        for key in sorted(recorded.keys() | said.keys()):
            yield from _differences(recorded.get(key), said.get(key), f"{path}.{key}" if path else key)
    elif isinstance(recorded, list) and isinstance(said, list) and len(recorded) == len(said):
        for index, (left, right) in enumerate(zip(recorded, said, strict=True)):
            yield from _differences(left, right, f"{path}[{index}]")
    elif recorded != said:
        yield f"{path}: recorded {_cut(recorded)}, now {_cut(said)}"


def _cut(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
