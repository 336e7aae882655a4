"""A platform with scripted agents and fake outside systems, on a real log in a folder of its own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from agentos.agent import Kit, Manifest, Tier
from agentos.clock import FixedClock
from agentos.effects.port import Proposal, System
from agentos.outside import Circuits
from agentos.platform import Platform, open_store
from agentos.policy import Policy
from agentos.tasks.answers import Desk
from agentos.tasks.state import TaskState
from agentos.workspace.load import Workspace
from agentos.workspace.model import Business, Client, Configuration, MailSettings
from graphs.advance import Advanced, advance, load
from tests.fakes.models import FakeModels

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
TEXT = "Write a blog post about cats"
RECIPE = """
workflow = "publish-post"
title = "Test"
[[steps]]
id = "make"
agent = "make"
[[steps]]
id = "deliver"
kind = "effects"
needs = ["make"]
inputs = { from = ["make"] }
"""


class AnyRequest(BaseModel):
    topic: str = ""
    given: Any = None


class AnyResult(BaseModel):
    said: Any = None
    proposals: list[Proposal] = []
    reasons: list[str] = []
    confidence: float | None = None
    markdown: str | None = None


Work = Callable[[AnyRequest, Kit], Awaitable[AnyResult]]


class FakeAgent:
    """An agent whose work is a function; `runs` counts how often it was called."""

    def __init__(
        self,
        role: str,
        work: Work,
        *,
        tier: Tier = "none",
        capabilities: Sequence[str] = (),
        request: type[BaseModel] = AnyRequest,
    ) -> None:
        self.manifest = Manifest(
            role=role,
            version="1",
            outcome="A test.",
            tier=tier,
            capabilities=tuple(capabilities),
            effects=("fake.act",),
            failure_modes=("none",),
            unwound="Nothing.",
            kpi="none",
        )
        self.Request = request
        self.Result = AnyResult
        self.runs = 0
        self._work = work

    async def run(self, request: Any, kit: Kit) -> AnyResult:
        self.runs += 1
        return await self._work(request, kit)


def says(value: Any) -> Work:
    async def work(request: AnyRequest, kit: Kit) -> AnyResult:
        return AnyResult(said=value)

    return work


def proposes(
    *slots: str, system: str = "fake", reasons: Sequence[str] = (), after: Mapping[str, tuple[str, ...]] | None = None
) -> Work:
    """Proposes one effect a slot, each telling what it was given."""

    async def work(request: AnyRequest, kit: Kit) -> AnyResult:
        proposals = [
            Proposal(
                system=system,
                verb="act",
                slot=slot,
                title=f"Do {slot}",
                payload={"what": slot, "given": request.given},
                after=(after or {}).get(slot, ()),
            )
            for slot in slots
        ]
        return AnyResult(proposals=proposals, reasons=list(reasons))

    return work


ALLOW = {
    "actions": {
        "fake.act": {"autonomy": "allow", "known_clients_only": False},
        "other.act": {"autonomy": "allow", "known_clients_only": False},
    }
}
ASK = {"actions": {"fake.act": {"autonomy": "ask", "known_clients_only": False}}}


class Bench:
    """A workspace, its platform, the operator's desk and a clock that only tests move."""

    def __init__(
        self,
        root: Path,
        recipe: str,
        agents: Sequence[FakeAgent],
        systems: Mapping[str, System] | None = None,
        *,
        policy: Mapping[str, Any] = ALLOW,
        models: Any = None,
        hold_minutes: int = 0,
    ) -> None:
        self.root, self.clock = root, FixedClock(NOON)
        (root / "recipes").mkdir(parents=True, exist_ok=True)
        (root / "recipes" / "test.toml").write_text(recipe)
        self._agents, self._systems, self._policy, self._models = agents, systems or {}, policy, models
        self._hold = hold_minutes
        self.open()

    def open(self) -> None:
        """Open it as a process does that starts now."""
        configuration = Configuration(
            business=Business(name="Test", timezone="UTC"), mail=MailSettings(hold_minutes=self._hold)
        )
        clients = {"acme-studio": Client(id="acme-studio", name="Acme Studio", email="a@acme.example")}
        store = open_store(self.root, clock=self.clock)
        self.platform = Platform(
            store=store,
            workspace=Workspace(self.root, configuration, clients),
            policy=Policy.model_validate(self._policy),
            clock=self.clock,
            models=self._models or FakeModels(tiers=()),
            systems=self._systems,
            agents={agent.manifest.role: agent for agent in self._agents},
            circuits=Circuits(),
        )
        self.desk = Desk(store, clock=self.clock)

    def submit(self, text: str = TEXT, **more: Any) -> str:
        return self.desk.submit(text, **more)

    async def advance(self, task: str) -> Advanced:
        return await advance(self.platform, task)

    async def run(self, text: str = TEXT, **more: Any) -> TaskState:
        return (await self.advance(self.submit(text, **more))).state

    def state(self, task: str) -> TaskState:
        return load(self.platform, task)

    def types(self, task: str) -> list[str]:
        return [record.type for record in self.platform.log.read(stream=f"task/{task}")]
