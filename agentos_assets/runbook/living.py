"""The runbook as it stands now: the unchanging page, and for each part what the log and Dagster's store say of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg

from agentos_assets.runbook import standing
from agentos_assets.runbook.entries import Entry
from agentos_assets.runbook.gather import gathered
from agentos_assets.runbook.page import page

if TYPE_CHECKING:
    from agentos.platform import Store

FILE = "runbook.md"


def write(store: Store, definitions: dg.Definitions, instance: dg.DagsterInstance, now: datetime) -> str:
    """Publishes `state/views/runbook.md` and returns what it says."""
    from agentos.views.files import only_writer, publish
    from agentos.views.read import folder_of

    text = living(store, gathered(definitions), instance, now)
    folder = folder_of(store.root)
    with only_writer(folder):
        publish(folder / FILE, text.encode())
    return text


def living(store: Store, entries: list[Entry], instance: dg.DagsterInstance, now: datetime) -> str:
    circuits = standing.open_circuits(store.log, now)
    known: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for part, line in chain(
        _of_views(store.root, circuits, now),
        standing.of_jobs(instance, [one.name for one in entries if one.kind == "job"], now),
        standing.of_ticks(instance, now),
        standing.of_checks(instance, [_check_key(one.name) for one in entries if one.kind == "check"]),
    ):
        known[part].append(line)
    return page(_head(circuits, now), entries, known)


def _of_views(root: Path, circuits: dict[str, str], now: datetime) -> Iterable[tuple[tuple[str, str], str]]:
    return chain(standing.of_agents(root, now), standing.of_effects(root, circuits, now))


def _check_key(name: str) -> dg.AssetCheckKey:
    asset, _, check = name.rpartition(".")
    return dg.AssetCheckKey(dg.AssetKey(asset.split("/")), check)


def _head(circuits: dict[str, str], now: datetime) -> str:
    """Hosts of web pages are counted and not named: they may be a client's."""
    ours = [f"`{name}` until {until}" for name, until in circuits.items() if ":" in name]
    others = len(circuits) - len(ours)
    said = [*ours, *([f"{others} web host(s)"] if others else [])]
    lines = [
        "# Runbook, as it stands",
        "",
        f"Written at {now:%Y-%m-%d %H:%M} UTC. This week means the seven days before.",
        "",
        f"Left alone after several failures in a row: {', '.join(said) or 'nothing'}.",
        "",
    ]
    return "\n".join(lines)
