"""Opens a workspace as a platform: the composition root that the terminal, the Dagster shell and the tests share."""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

import agents
from agentos.clock import Clock, SystemClock
from agentos.damage import verify_new
from agentos.effects.port import System
from agentos.errors import Refused
from agentos.events.types import CircuitClosed, CircuitOpened
from agentos.ids import digest
from agentos.models.cache import MemoryCache
from agentos.models.models import Models
from agentos.models.request import ModelPort
from agentos.outside import CircuitBreaker, Circuits, Transition
from agentos.platform import AgentModule, Platform, Store, open_store
from agentos.policy import Policy
from agentos.policy.load import FILE, parse_policy
from agentos.workspace.load import Workspace, edited_files, load_workspace
from agentos.workspace.read import decode, read_bytes


def open_platform(
    root: Path,
    *,
    clock: Clock | None = None,
    environ: Mapping[str, str] | None = None,
    models: ModelPort | None = None,
    systems: Mapping[str, System] | None = None,
    own_agents: Mapping[str, AgentModule] | None = None,
) -> Platform:
    """Raises WorkspaceError, with file and line, when agentos.toml or policy.toml is wrong."""
    clock = clock or SystemClock()
    workspace = load_workspace(root)
    policy = read_policy(root)
    store = open_store(root, clock=clock)
    if verify_new(store).ok:  # a log that is not what was written is looked at, not added to: it came up stopped
        record_files(store, root)
    circuits = _circuits(store)
    environ = os.environ if environ is None else environ
    return Platform(
        store=store,
        workspace=workspace,
        policy=policy,
        clock=clock,
        models=models
        or Models(workspace.configuration.models, environ, clock=clock, circuits=circuits, cache=MemoryCache()),
        systems=systems if systems is not None else build_systems(workspace, clock),
        agents=own_agents if own_agents is not None else load_agents(),
        circuits=circuits,
        environ=MappingProxyType(dict(environ)),
    )


def read_policy(root: Path) -> Policy:
    """`policy.toml`; without one the strictest policy, in which every effect asks. Raises WorkspaceError with the
    line."""
    if not (root / FILE).exists():
        return Policy()
    return parse_policy(decode(read_bytes(root, root / FILE), FILE))


def load_agents() -> dict[str, AgentModule]:
    """role -> module, for every file of `agents/` that has a manifest."""
    found: dict[str, AgentModule] = {}
    for name in agents.ROLES:
        module: Any = importlib.import_module(f"agents.{name}")
        found[module.manifest.role] = module
    return found


def build_systems(workspace: Workspace, clock: Clock) -> dict[str, System]:
    from agentos.effects.invoice import InvoiceSystem
    from agentos.effects.ledger import LedgerSystem
    from agentos.effects.mail import MailSystem
    from agentos.effects.site import SiteSystem

    business, settings = workspace.configuration.business, workspace.configuration
    author = business.owner or business.name
    return {
        "site": SiteSystem(workspace.site, settings=settings.site, author=author, language=business.language),
        "invoice": InvoiceSystem(workspace.root),
        "ledger": LedgerSystem(workspace.root, currency=business.currency, title=business.name or "Books"),
        "mail": MailSystem(workspace.root, settings=settings.mail, sender_name=author, clock=clock),
    }


def record_files(store: Store, root: Path) -> None:
    """Files the operator edits become `workspace.file_changed` before they are used: history knows what was in
    force."""
    from agentos.events.types import FileChanged

    known: dict[str, str | None] = {}
    for record in store.log.read(types=("workspace.file_changed",)):
        if not record.forgotten:
            known[record.data["path"]] = record.data["digest"]
    present = set()
    for path, data in edited_files(root):
        present.add(path)
        now = digest(data)
        if known.get(path) != now:
            subject = client_of(path)
            try:
                fact = FileChanged(path=path, digest=now, blob=store.blobs.put(data, subject))
                store.log.append(fact.on("workspace", actor="operator", subject=subject))
            except Refused:
                continue  # the file of a client who was forgotten: nothing more is recorded of it
    for path in known.keys() - present:
        if known[path] is not None:
            gone = FileChanged(path=path, digest=None, blob=None)
            store.log.append(gone.on("workspace", actor="operator", subject=client_of(path)))


def client_of(path: str) -> str | None:
    """The client whose file this is: its content is sealed with that client's key."""
    folder, _, name = path.partition("/")
    return name.removesuffix(".toml") if folder == "clients" and name.endswith(".toml") else None


def _circuits(store: Store) -> Circuits:
    """Circuits as the log knows them; their changes go back into it."""
    states: dict[str, CircuitBreaker] = {}
    for record in store.log.read(types=("circuit.opened", "circuit.closed")):
        name = record.data["circuit"]
        if record.type == "circuit.opened":
            until = datetime.fromisoformat(record.data["until"])
            trips = states.get(name, CircuitBreaker()).trips + 1
            states[name] = CircuitBreaker(trips=trips, open_until=until)
        else:
            states[name] = CircuitBreaker()

    def changed(name: str, transition: Transition, state: CircuitBreaker) -> None:
        if transition == "opened" and state.open_until is not None:
            fact = CircuitOpened(circuit=name, until=state.open_until, why=f"{state.failures} failures in a row")
            store.log.submit(fact.on("circuit"))
        else:
            store.log.submit(CircuitClosed(circuit=name).on("circuit"))

    return Circuits(states, on_change=changed)
