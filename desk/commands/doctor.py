"""`agentos doctor`."""

from __future__ import annotations

import os
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from agentos.errors import StorageError, WorkspaceError
from desk.options import as_command
from desk.render.style import bad, columns, dim, good, line, warn
from desk.session import Session

if TYPE_CHECKING:
    from agentos.workspace.doctor import Finding

_MARKS = {"ok": good("✓"), "missing": warn("–"), "wrong": bad("✗"), "unreachable": bad("✗")}


@as_command("doctor")
@click.option("--call", is_flag=True, help="Also try one real call to each tier's first model.")
def command(session: Session, call: bool) -> int:
    """Say what is configured, reachable and missing, and how to mend it. Changes nothing."""
    from agentos.workspace.doctor import examine

    findings = [*examine(session.root, os.environ), *_recipes(session), *_rules(session), *_remembered(session)]
    rows = [[_MARKS[one.state], one.area, line(one.what)] for one in findings]
    for shown, one in zip(columns(rows), findings, strict=True):
        session.say(shown)
        if one.mend:
            session.say(dim(f"     → {line(one.mend)}"))
    tried = _try(session) if call else []
    broken = any(one.state in ("wrong", "unreachable") for one in findings) or not all(one["ok"] for one in tried)
    session.give({"workspace": str(session.root), "ok": not broken, "findings": [asdict(one) for one in findings],
                  "calls": tried})  # fmt: skip
    return 1 if broken else 0


def _recipes(session: Session) -> list[Finding]:
    from agentos.workspace.doctor import Finding
    from graphs.opening import load_agents
    from graphs.recipes import load_shelf

    broken = load_shelf(session.root / "recipes", load_agents()).broken
    return [Finding("recipes", "wrong", error.message, error.hint) for error in broken.values()]


def _rules(session: Session) -> list[Finding]:
    from agentos.monitor.thresholds import load_thresholds
    from agentos.workspace.doctor import Finding
    from agentos.workspace.rules import load_rules

    found = []
    for name, load in (("rules", load_rules), ("monitor", load_thresholds)):
        try:
            load(session.root)
        except WorkspaceError as error:
            found.append(Finding(name, "wrong", error.message, error.hint))
    return found


def _remembered(session: Session) -> list[Finding]:
    """What later invoices take from earlier answers, with the lines that would settle it. Makes no log."""
    if not (session.root / "state" / "events.db").is_file():
        return []
    from agentos.tasks.remembered import remembered
    from agentos.workspace.doctor import Finding
    from agentos.workspace.load import load_workspace

    try:
        workspace = load_workspace(session.root)
    except WorkspaceError:
        return []  # said already
    try:
        known = [one for one in remembered(session.store.log) if one.fills(workspace)]
    except StorageError as error:
        return [Finding("log", "wrong", f"{error.message}.", error.hint)]
    return [
        Finding("answers", "missing", f"{one.slot} is known from an answer of {one.at:%Y-%m-%d}, not from your files.",
                f"Add to {one.file}: {'; '.join(one.lines)}")
        for one in known
    ]  # fmt: skip


def _try(session: Session) -> list[dict[str, object]]:
    import asyncio

    from agentos.models.trial import try_call
    from agentos.workspace.load import load_configuration

    models, outcomes = load_configuration(session.root).models, []
    for tier in ("small", "large", "local"):
        for endpoint in getattr(models, tier)[:1]:
            tried = asyncio.run(try_call(endpoint, os.environ, tier=tier))
            session.say(f"{_MARKS['ok' if tried.ok else 'wrong']}  {tier}: {line(tried.sentence)}")
            if tried.hint:
                session.say(dim(f"     → {line(tried.hint)}"))
            outcomes.append(tried.model_dump(mode="json"))
    return outcomes
