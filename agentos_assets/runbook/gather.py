"""All of the runbook's entries, in the order a person reads: who works, what it does outside, what keeps it going."""

from __future__ import annotations

from collections.abc import Iterator

import dagster as dg

from agentos_assets.runbook.entries import Entry, agents, effects, shell


def gathered(definitions: dg.Definitions) -> list[Entry]:
    from graphs import intake
    from graphs.opening import load_agents

    manifests = [intake.manifest, *(module.manifest for module in load_agents().values())]
    return [*agents(manifests), *_effects(), *shell(definitions)]


def _effects() -> Iterator[Entry]:
    """Of every system that a workspace can have: as declared, so none is opened."""
    from pathlib import Path

    from agentos.clock import SystemClock
    from agentos.effects.mail.verbs import BY_SMTP
    from agentos.workspace.load import Workspace
    from agentos.workspace.model import Business, Configuration
    from graphs.opening import build_systems

    nowhere = Workspace(Path(), Configuration(business=Business(name="")), {})
    for name, system in build_systems(nowhere, SystemClock()).items():
        yield from effects(name, system.verbs)
    yield from effects("mail", {"send": BY_SMTP["send"]}, "(by SMTP)")
