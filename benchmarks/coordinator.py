"""Ours: five durable no-op steps with 2 KB results through the real coordinator, for a client whose key seals them.

The task is opened and planned before the clock starts: reading words and making a plan has no counterpart in the peers,
and is a figure of its own.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel

from agentos.agent import Kit, Manifest
from agentos.platform import Platform
from agentos.tasks.answers import Desk
from agentos.tasks.lease import Lease
from agentos.tasks.run import TaskRun
from agentos.workspace.answers import demo
from agentos.workspace.init import init_workspace
from graphs.advance import advance
from graphs.opening import open_platform
from graphs.planning import make_plan

STEPS = 5
RESULT = "x" * 2000
SAYS = "Write a research brief about heat pumps for Acme Studio"
CLIENT = "acme-studio"
RECIPE = 'workflow = "research-brief"\ntitle = "Five steps"\n' + "".join(
    f'[[steps]]\nid = "s{n}"\nagent = "noop"\n' + (f'needs = ["s{n - 1}"]\n' if n else "") for n in range(STEPS)
)


class Request(BaseModel):
    pass


class Text(BaseModel):
    text: str


class Noop:
    manifest = Manifest(
        role="noop", version="1", outcome="Nothing.", tier="none", failure_modes=("none",), unwound="Nothing.", kpi="-"
    )
    Request: type[BaseModel] = Request

    async def run(self, request: BaseModel, kit: Kit) -> BaseModel:
        return Text(text=RESULT)


class Coordinator:
    """The contestant: a workspace of its own in `folder`."""

    def __init__(self, folder: Path, loop: asyncio.Runner) -> None:
        root = folder / "workspace"
        init_workspace(root, demo())
        (root / "recipes" / "five-steps.toml").write_text(RECIPE)
        self.platform: Platform = open_platform(root, environ={}, own_agents={"noop": Noop()})
        self._desk = Desk(self.platform.store)
        self._loop = loop

    def opened(self, count: int) -> list[str]:
        return [self._desk.submit(SAYS, check=lambda _: CLIENT) for _ in range(count)]

    def planned(self, count: int) -> list[str]:
        tasks = self.opened(count)
        self._loop.run(self._plan(tasks))
        return tasks

    def run(self, tasks: Sequence[str], at_once: int) -> float:
        """Seconds for all of them."""
        return self._loop.run(self._run(tasks, at_once))

    async def _plan(self, tasks: Sequence[str]) -> None:
        for task in tasks:
            with Lease(self.platform.store.leases, task) as lease:
                assert await make_plan(TaskRun(self.platform, task, lease))

    async def _run(self, tasks: Sequence[str], at_once: int) -> float:
        places = asyncio.Semaphore(at_once)

        async def one(task: str) -> None:
            async with places:
                done = (await advance(self.platform, task)).state
                assert done.status == "completed", done.parked

        began = time.perf_counter()
        await asyncio.gather(*map(one, tasks))
        return time.perf_counter() - began
