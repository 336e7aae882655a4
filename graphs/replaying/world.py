"""The world as the record knows it: the files that were in force, outside systems and models that only tell what they
told then."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any, NoReturn

from agentos.effects.port import (
    Absent,
    Amounts,
    Deed,
    Found,
    Observed,
    Proposal,
    Receipt,
    System,
    Unknown,
)
from agentos.effects.wrapped import Wrapped
from agentos.errors import InDoubt, Permanent, Transient
from agentos.events.blobs import Blobs
from agentos.events.log import Reader
from agentos.events.record import Record
from agentos.events.witness import witness_of
from agentos.ids import digest
from agentos.outside import Circuits
from agentos.platform import Platform, Store
from agentos.tasks.doubt import NOT_DONE
from agentos.tasks.items import receipt_of
from agentos.tasks.values import unpack
from graphs.replaying.log import ReplayLog
from graphs.replaying.run import RecordClock

_USED = ("agentos.toml", "policy.toml", "clients/", "recipes/")
"""What the coordinator itself reads; knowledge/ and rules.toml reach agents as tools' answers."""


def world(platform: Platform, log: ReplayLog, scratch: Path) -> Platform:
    """A platform that touches nothing: policy, clients and recipes as they stood, everything else from the record.

    Raises WorkspaceError when a file that was valid then is not any more. `scratch` is an empty folder.
    """
    from agentos.workspace.load import load_workspace
    from graphs.opening import read_policy

    replayed: Any = log
    blobs: Any = log.blobs
    workspace, policy = platform.workspace, platform.policy
    files = in_force(log, log.blobs)
    if "agentos.toml" in files:
        root = written(files, scratch)
        workspace, policy = load_workspace(root), read_policy(root)
    store = Store(scratch, replayed, blobs, platform.store.sealer, witness_of(scratch))
    systems = {name: RecordedSystem(system, log) for name, system in platform.systems.items()}
    models: Any = RecordedModels(log)
    return replace(
        platform, store=store, workspace=workspace, policy=policy, clock=RecordClock(log), models=models,
        systems=systems, circuits=Circuits(), environ={}, knowledge=None,
    )  # fmt: skip


def in_force(log: Reader, blobs: Blobs) -> dict[str, bytes]:
    """path -> content of the operator's files as the record last knew them. A forgotten client's is absent."""
    named: dict[str, Record] = {}
    for record in log.read(types=("workspace.file_changed",)):
        if not record.forgotten and record.data["path"].startswith(_USED):
            named[record.data["path"]] = record
    found = {}
    for path, record in named.items():
        content = blobs.get(record.data["blob"], record.subject) if record.data["blob"] else None
        if content is not None:
            found[path] = content
    return found


def written(files: Mapping[str, bytes], scratch: Path) -> Path:
    """A folder for each set of files: reading them again costs more than a pass."""
    root = scratch / digest(repr(sorted(files.items())).encode())[:16]
    for path, content in files.items() if not root.exists() else ():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(content)
    return root


class RecordedModels:
    """Which tiers there were is what steps were run with; what they answered is the kit's business."""

    def __init__(self, log: ReplayLog) -> None:
        self._tiers = {record.data["tier"] for record in log.own if record.type == "step.started"}

    def available(self, tier: str, *, confidential: bool = False) -> bool:
        return tier in self._tiers

    def is_local(self, tier: str, *, confidential: bool = False) -> bool:
        return tier == "local"

    def estimate(self, request: Any) -> NoReturn:
        raise Permanent("Prices are not recorded.", code="replay.price")

    async def call(self, request: Any) -> NoReturn:
        raise Permanent("A replay calls no model.", code="replay.call")


class RecordedSystem(Wrapped):
    """Declares what the real one declares, and acts by telling what the record says came of it."""

    def __init__(self, system: System, log: ReplayLog) -> None:
        super().__init__(system)
        self._log = log

    def do(self, verb: str, payload: dict[str, Any], key: str) -> Receipt:
        end = self._log.outcome_of(key)
        if end is None:
            raise self._log.stop(f"it does {self.name}.{verb}, of which the record knows no end")
        if end.type in ("effect.done", "effect.found"):
            return Receipt.model_validate(end.data["receipt"])
        refused = "the worker was lost while it ran, and a repeat was refused: "
        why = str(end.data["why"])
        if end.type == "effect.in_doubt":
            raise Permanent(why.removeprefix(refused)) if why.startswith(refused) else InDoubt(why)
        if end.data["kind"] == "transient":
            raise Transient(why, code=end.data["code"])
        raise Permanent(why, code=end.data["code"])

    def find(self, verb: str, payload: dict[str, Any], key: str) -> Found | Absent | Unknown:
        end = self._log.outcome_of(key)
        if end is not None and end.type == "effect.found":
            return Found(Receipt.model_validate(end.data["receipt"]))
        if end is not None and end.type == "effect.failed" and end.data["code"] in NOT_DONE:
            return Absent()
        why = str(end.data["why"]) if end is not None else ""
        return Unknown(why.removeprefix("the worker was lost while it ran; "))

    def undo(self, verb: str, payload: dict[str, Any], receipt: Receipt) -> Proposal | None:
        """How it was undone then: that is for the outside system to say, and is not run again."""
        started = (*self._log.own, *self._log.read(types=("effect.started",)))  # another task may have undone it before
        undone = (one for one in started if one.type == "effect.started" and one.data.get("undoes"))
        same = (one for one in undone if receipt_of(self._log, one.data["undoes"]) == receipt)
        return next((self._proposed(one) for one in same), None)

    def observe(self) -> Iterable[Observed]:
        return ()

    def repair(self, kind: str, ref: str, deed: Deed | None) -> Proposal | None:
        """What was proposed then is a tool's answer on the record."""
        return None

    def _proposed(self, record: Record) -> Proposal:
        data = record.data
        series = {
            one.data["text"]: f"series:{one.data['series']}"
            for one in self._log.own
            if one.type == "number.assigned" and one.data["effect"] == data["effect"]
        }
        assigned = {name: series.get(text) or _source(text) for name, text in data["assigned"].items()}
        payload = unpack(data["payload"], self._log.blobs, record.subject) or {}
        return Proposal(
            system=data["system"], verb=data["verb"], slot=data["slot"], title=data["title"],
            payload=payload, subject=record.subject, to=data["to"],
            amounts=Amounts.model_validate(data["amounts"]) if data["amounts"] else None,
            assigned={name: source for name, source in assigned.items() if source}, fill=tuple(data["fill"]),
        )  # fmt: skip


def _source(text: str) -> str:
    try:
        date.fromisoformat(text)
    except ValueError:
        return ""
    return "today"
