"""The operator's part, played by a process that may be killed anywhere: what is said already is not said again."""

from __future__ import annotations

import asyncio
import os
import select
import time
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from agentos.clock import Clock, SystemClock
from agentos.errors import Permanent, Refused, Transient
from agentos.platform import AgentModule, Platform
from agentos.process import run
from agentos.tasks.answers import Desk
from agentos.tasks.state import TaskState
from agentos.workspace.answers import demo
from agentos.workspace.init import init_workspace
from agentos.workspace.load import load_workspace
from graphs.advance import advance
from graphs.opening import build_systems, load_agents, open_platform
from tests.crash.operating import FastClock, Operator
from tests.crash.orders import Buyer, branches
from tests.crash.points import Points, around_disk, around_log, around_monitor, around_platform
from tests.crash.power import Syncs
from tests.crash.wishes import furnish, named

SAYS = "Produce a blog post about heat pumps for older houses and invoice Acme Studio 1,200 EUR"
MOST_CARDS = 12
MOST_SECONDS = 120.0
"""After which a worker that is not killed must have everything done."""
PATIENCE = 20.0
"""Seconds to wait for another worker, or for a child of one that was killed."""


def play(job: dict[str, Any]) -> dict[str, Any]:
    """Do one job in the workspace `job["root"]` and return {task id -> status}.

    job: acts (names of the functions below, in order), trace (file), kill (a point) or nth (of the points it passes) at
    which it dies, fill_at (the point at which the disk becomes full), says (what is asked for, a task each), refuse and
    busy (a system that refuses everything, for good or for now), models and environ (the models section of
    agentos.toml, for "make", and where its keys are), smtp (a port, for "make"), shop (its address), wishes and acks
    (see `Operator`), epoch (see `FastClock`), syncs (a file, see `power`), path (a folder whose programs come first),
    ready, child and takes (see `slowly`).
    """
    if "faketime" in os.environ.get("LD_PRELOAD", ""):
        setattr(time, "sleep", lambda seconds: select.select([], [], [], seconds))  # noqa: B010  (it breaks the real one)
    root = Path(job["root"])
    points = Points(
        Path(job["trace"]), job.get("kill"), job.get("nth"), job.get("fill_at"), partial(fill, root.parent / "ballast")
    )
    if job.get("path"):
        os.environ["PATH"] = f"{job['path']}:{os.environ['PATH']}"
    syncs = Syncs(Path(job["syncs"])) if job.get("syncs") else None
    if syncs is not None:
        syncs.watch()
    around_log(points, *([syncs.committed] if syncs is not None else []))
    around_disk(points)
    if "make" in job["acts"]:
        init_workspace(root, replace(demo(), models=job.get("models", "")))
        if job.get("smtp"):
            furnish(root, job["smtp"])
    platform = opened(root, job)
    if job.get("refuse"):
        refuse(platform, job["refuse"], Permanent)
    if job.get("busy"):
        refuse(platform, job["busy"], Transient)
    around_platform(points, platform)
    around_monitor(points)
    return asyncio.run(_play(platform, job))


def opened(root: Path, job: dict[str, Any]) -> Platform:
    """With the shop's branches and the agent that orders there, and the quick clock, where the job has them."""
    environ = job.get("environ", {})
    clock: Clock = FastClock(job["epoch"]) if job.get("epoch") else SystemClock()
    if not job.get("shop"):
        return open_platform(root, clock=clock, environ=environ)
    agents: dict[str, AgentModule] = load_agents() | {"buyer": Buyer()}
    systems = build_systems(load_workspace(root), clock) | branches(job["shop"])
    return open_platform(root, clock=clock, environ=environ, systems=systems, own_agents=agents)


async def _play(platform: Platform, job: dict[str, Any]) -> dict[str, Any]:
    busy = 0
    for name in job["acts"]:
        if name in _ACTS:
            busy += await _ACTS[name](platform, job) or 0
    statuses = {state.id: state.status for state in states(platform)}
    platform.store.close()
    return {"statuses": statuses, "busy": busy}


def states(platform: Platform, *, trigger: str | None = None) -> list[TaskState]:
    desk = Desk(platform.store)
    found = [desk.load(record.data["task"]) for record in platform.log.read(types=("task.opened",))]
    return [state for state in found if trigger is None or state.trigger == trigger]


async def submit(platform: Platform, job: dict[str, Any]) -> None:
    for text in job.get("says", [SAYS])[len(states(platform, trigger="terminal")) :]:
        Desk(platform.store).submit(text)


async def ask(platform: Platform, job: dict[str, Any]) -> None:
    """Go on until the card asks."""
    await submit(platform, job)
    for state in states(platform):
        await patiently(platform, state.id)


async def approve(platform: Platform, job: dict[str, Any]) -> None:
    desk = Desk(platform.store)
    for state in states(platform):
        for card in state.open_cards() if not state.closed else ():
            if card.kind == "effects":
                desk.approve(card.id)


async def once(platform: Platform, job: dict[str, Any]) -> int:
    """One advance of every open task, as a worker does that leaves a taken one to the other: returns how many were."""
    found = [await advance(platform, state.id) for state in states(platform) if not state.closed]
    return sum(one.busy for one in found)


async def finish(platform: Platform, job: dict[str, Any]) -> None:
    """To the end of every task. A card that was superseded meanwhile (another task gave a new reason) is approved
    again."""
    await ask(platform, job)
    for _ in range(MOST_CARDS):
        if all(state.closed for state in states(platform)):
            return
        await approve(platform, job)
        for state in states(platform):
            await patiently(platform, state.id)
        if job.get("epoch"):
            await asyncio.sleep(0.1)  # a minute on the quick clock: what backs off is due


async def undo(platform: Platform, job: dict[str, Any]) -> None:
    """Undo the whole task, newest effect first."""
    (task,) = states(platform, trigger="terminal")
    desk = Desk(platform.store)
    if not states(platform, trigger="undo"):
        desk.undo(desk.undoable(task.id))
    for state in states(platform, trigger="undo"):
        await patiently(platform, state.id)


async def patiently(platform: Platform, task: str) -> None:
    """Advance, and wait while a child of a killed worker still holds the lease."""
    until = time.monotonic() + PATIENCE
    while (await advance(platform, task)).busy:
        if time.monotonic() > until:
            raise Refused(f"the lease was not freed within {PATIENCE} s")
        await asyncio.sleep(0.02)


async def work(platform: Platform, job: dict[str, Any]) -> None:
    """Everything the wishes ask for, to the end of the last task, beside another worker that does the same."""
    operator = Operator(platform, named(job.get("wishes", ())), job["shop"], Path(job["acks"]))
    until = time.monotonic() + MOST_SECONDS
    while not operator.done():
        operator.act()
        await asyncio.gather(*(advance(platform, state.id) for state in operator.tasks() if not state.closed))
        if time.monotonic() > until:
            left = [(s.id, s.status, s.parked, [c.data for c in s.open_cards()]) for s in operator.tasks()]
            raise Refused(f"not done within {MOST_SECONDS} s: {left}")
        await asyncio.sleep(0.01)


async def watch(platform: Platform, job: dict[str, Any]) -> None:
    """What `agentos monitor` does: one look, and what it tells is taken to its card."""
    from agentos.monitor import watching

    watching.watch(platform)
    for state in states(platform, trigger="monitor"):
        if not state.closed:
            await patiently(platform, state.id)


async def slowly(platform: Platform, job: dict[str, Any]) -> None:
    """From now on an effect tells `job["ready"]` that it has begun, and then takes job["takes"] seconds (60): in this
    process, or in a child of it where job["child"] is set."""
    ready, child, takes = Path(job["ready"]), job.get("child"), job.get("takes", 60)
    for system in platform.systems.values():
        act = system.do

        def do(verb: str, payload: dict[str, Any], key: str, *, _act: Any = act) -> Any:
            if child:
                run(["sh", "-c", f"echo >'{ready}'; sleep {takes}"], cwd=platform.store.root, timeout=90)
            else:
                ready.touch()
                time.sleep(takes)
            return _act(verb, payload, key)

        setattr(system, "do", do)  # noqa: B010


def fill(ballast: Path) -> None:
    """Until not a byte more goes onto the disk that it lies on."""
    with ballast.open("ab", buffering=0) as file, suppress(OSError):
        while file.write(bytes(4096)):
            continue


def refuse(platform: Platform, name: str, how: type[Permanent] | type[Transient]) -> None:
    """From now on this system refuses what it is asked, for good or for now; undoing still works."""
    system = platform.systems[name]
    act = system.do

    def do(verb: str, payload: dict[str, Any], key: str) -> Any:
        if not key.endswith("/undo"):
            raise how("The other side says no.", code="test.refused")
        return act(verb, payload, key)

    setattr(system, "do", do)  # noqa: B010


_ACTS: dict[str, Any] = {
    "submit": submit, "ask": ask, "approve": approve, "once": once, "finish": finish, "undo": undo, "slowly": slowly,
    "work": work, "watch": watch,
}  # fmt: skip
