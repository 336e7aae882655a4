"""The runbook as Markdown: its unchanging part is docs/runbook.md; the asset `runbook` adds how everything stands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import groupby

from agentos_assets.runbook.entries import Entry

_KINDS = {
    "agent": ("Agents", "Each proposes; it touches nothing outside. What it asks is a card: `agentos desk`."),
    "effect": (
        "Effects",
        "What changes the world outside. Each needs policy's word, has a key, and happens once; `agentos undo` takes\n"
        "it back where that can be done. A passing failure is tried again by itself; after eight tries a card asks.",
    ),
    "sensor": ("Sensors", "They look at the log and start runs, for as long as `agentos up` runs."),
    "schedule": ("Schedules", "They start runs by the clock, for as long as `agentos up` runs."),
    "job": ("Jobs", "What a run does. Every one can be started, ended and started again at any time."),
    "check": ("Checks", "They hold the views against what must be true, and against the world outside."),
}
Standing = Mapping[tuple[str, str], Iterable[str]]
"""(kind, name) -> lines about how it stands."""


def page(head: str, entries: Iterable[Entry], standing: Standing | None = None) -> str:
    """Sections in the order of the entries; `standing` goes to the end of what it is about."""
    parts = [head]
    for kind, group in groupby(entries, key=lambda one: one.kind):
        title, text = _KINDS[kind]
        parts.append(f"## {title}\n\n{text}\n")
        parts += [_section(one, (standing or {}).get((kind, one.name), ())) for one in group]
    return "\n".join(parts)


def _section(entry: Entry, standing: Iterable[str]) -> str:
    lines = [f"### {entry.name}", "", entry.outcome, ""]
    lines += [f"* {name}: {text}" for name, text in entry.facts.items() if text]
    lines += ["* **fails**", *(f"  * {one}" for one in entry.failure_modes)]
    lines += [f"* **unwound**: {entry.unwound}", f"* **act**: {entry.act}"]
    lines += [f"* **now**: {line}" for line in standing]
    return "\n".join([*lines, ""])
