"""Everything a worker needs, opened once: the workspace, the log, the models, the outside systems and the agents."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from agentos.clock import Clock
from agentos.errors import Refused, StorageError
from agentos.events.blobs import Blobs
from agentos.events.log import Reader
from agentos.events.sqlite import SQLiteLog
from agentos.events.witness import Witness, witness_of
from agentos.secrets.keyring import KeyRing
from agentos.secrets.sealing import Sealer
from agentos.views.spending import Spending
from agentos.workspace.find import refuse_unfinished

if TYPE_CHECKING:
    from pydantic import BaseModel

    from agentos.agent import Kit, Manifest
    from agentos.capabilities.knowledge import Knowledge
    from agentos.effects.port import System
    from agentos.models import ModelPort
    from agentos.outside import Circuits
    from agentos.policy import Policy
    from agentos.workspace.load import Workspace


class AgentModule(Protocol):
    """A file in `agents/`: what the coordinator needs of it."""

    manifest: Manifest
    Request: type[BaseModel]

    async def run(self, request: BaseModel, kit: Kit) -> BaseModel: ...


class Stopped(Refused):
    code = "platform.stopped"


SWITCHES = ("platform.stopped", "platform.started", "platform.restored")
MALFORMED = "log.malformed"
NOT_WRITTEN = "the log is not what was written"
"""How the reason of a stop begins that damage has set."""
RESTORED = "A backup was restored, and nobody has looked yet at what happened outside since it was made."


@dataclass
class Store:
    """The durable part: log, blobs and keys below `state/`. Opening it imports nothing heavy."""

    root: Path
    log: SQLiteLog
    blobs: Blobs
    sealer: Sealer
    witness: Witness

    @property
    def leases(self) -> Path:
        return self.root / "state" / "leases"

    @property
    def stop_file(self) -> Path:
        return self.root / "state" / "STOPPED"

    def stop(self, why: str) -> None:
        """Set the switch as a file with its reason in it: works on a full disk and beside a log that can't be
        written."""
        write_stop(self.stop_file, why)

    def close(self) -> None:
        self.log.close()


@dataclass
class Platform:
    """Built by `graphs.opening.open_platform`; tests build it with fakes."""

    store: Store
    workspace: Workspace
    policy: Policy
    clock: Clock
    models: ModelPort
    systems: Mapping[str, System]
    agents: Mapping[str, AgentModule]
    circuits: Circuits
    environ: Mapping[str, str] = field(default_factory=dict)
    spending: Spending = field(default_factory=Spending)
    knowledge: Knowledge | None = None
    """The index of knowledge/, made when first searched."""

    @property
    def log(self) -> SQLiteLog:
        return self.store.log

    @property
    def blobs(self) -> Blobs:
        return self.store.blobs


def open_store(root: Path, *, clock: Clock | None = None) -> Store:
    """Raises WorkspaceError while a restore of this workspace waits to be finished."""
    refuse_unfinished(root)
    state = root / "state"
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    sealer = Sealer(KeyRing(state / "keys"))
    try:
        log = SQLiteLog(state / "events.db", sealer, clock=clock)
    except StorageError as error:
        if error.code == MALFORMED:
            write_stop(state / "STOPPED", f"{NOT_WRITTEN}: {error.message}")
        raise
    return Store(root, log, Blobs(state / "blobs", sealer), sealer, witness_of(root))


def write_stop(file: Path, why: str) -> None:
    """The file counts by being there; its text is a help, and may be lost on a full disk. Damage stays the reason until
    it is mended or accepted, whoever stops it as well."""
    file.touch()
    if stop_reason(file).startswith(NOT_WRITTEN) and not why.startswith(NOT_WRITTEN):
        return
    with suppress(OSError):
        file.write_bytes(f"{why}\n".encode("utf-8", "replace"))


def stop_reason(file: Path) -> str:
    """What the stop file says; "" where there is none or it says nothing."""
    try:
        return file.read_text("utf-8", "replace").strip()
    except OSError:
        return ""


def refuse_if_stopped(reader: Reader, stop_file: Path) -> None:
    """The one switch: an event, and a file too, so that it works on a full disk. Raises Stopped."""
    last = reader.last(stream="platform", types=SWITCHES)
    if last is not None and last.type == "platform.restored":
        raise Stopped(RESTORED, hint="Run `agentos start`: it looks first, then goes on.")
    if (last is not None and last.type == "platform.stopped") or os.path.exists(stop_file):
        said = last.data.get("why", "") if last is not None and last.type == "platform.stopped" else ""
        why = stop_reason(stop_file) or said
        raise Stopped(f"The platform is stopped{': ' + why if why else ''}.", hint="Run `agentos start` to go on.")
