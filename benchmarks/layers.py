"""Where the time of five steps goes, one task at a time: each layer by itself, as a share of the whole, in one run."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

from agentos.events.record import NewEvent
from agentos.events.types import StepCompleted, StepStarted, TaskCompleted
from agentos.platform import Store, open_store
from agentos.tasks.plan import Plan, Step
from benchmarks.coordinator import CLIENT, RESULT, STEPS, Coordinator
from benchmarks.peers import Table
from benchmarks.rows import Row, interleaved
from graphs.choreography import Context, choreograph

TASKS = 12
WHOLE = "the whole"
PLAN = Plan(
    workflow="five-steps",
    title="Five steps",
    steps=tuple(Step(id=f"s{n}", agent="noop", needs=(f"s{n - 1}",) if n else ()) for n in range(STEPS)),
)


def measure(rounds: int) -> list[Row]:
    with tempfile.TemporaryDirectory(dir=".", prefix=".bench-") as scratch, asyncio.Runner() as loop:
        folder = Path(scratch)
        ours, store = Coordinator(folder, loop), open_store(folder / "log")
        table, n = Table(folder / "bare.db"), iter(range(10**9))
        found = interleaved(
            {
                WHOLE: lambda: ours.run(ours.planned(TASKS), 1),
                "graph": lambda: loop.run(_times(_graph)),
                "log": lambda: loop.run(_times(lambda: _log(store, next(n)))),
                "sync": lambda: _synced(table),
            },
            rounds,
        )
        ours.platform.store.close()
        store.close()
        table.close()
    whole = found[WHOLE]
    layers = {
        "LangGraph's own run": found["graph"],
        f"{STEPS + 1} syncs of the disk": found["sync"],
        "the log: encoding, sealing, hashing, indexes": max(found["log"] - found["sync"], 0.0),
        "the coordinator: lease, fold, kit, checks, settlement": max(whole - found["graph"] - found["log"], 0.0),
    }
    return [Row(name, "ms", cost / TASKS * 1000, whole / TASKS * 1000, WHOLE) for name, cost in layers.items()]


async def _times(work: Callable[[], Awaitable[None]]) -> float:
    began = time.perf_counter()
    for _ in range(TASKS):
        await work()
    return time.perf_counter() - began


async def _graph() -> None:
    async def execute(step: str) -> str:
        return "completed"

    async def crashed(step: str, error: BaseException) -> None:
        raise error

    await choreograph(PLAN, Context(execute, crashed))


async def _log(store: Store, n: int) -> None:
    """The events that such a task appends, in as many appends."""
    task = f"00000000-0000-7000-8000-{n:012d}"

    def on(fact: StepStarted | StepCompleted | TaskCompleted, key: str) -> NewEvent:
        return fact.on(f"task/{task}", key=f"{key}/{task}", subject=CLIENT, correlation=task)

    for step in PLAN.steps:
        started = StepStarted(
            step=step.id, round=1, attempt=1, agent="noop", agent_version="1", tier="none",
            now=datetime.now(UTC), seed="0" * 64,
        )  # fmt: skip
        completed = StepCompleted(step=step.id, round=1, output={"text": RESULT})
        await store.log.record([on(started, f"started/{step.id}"), on(completed, f"completed/{step.id}")])
    await store.log.record(on(TaskCompleted(summary="Five steps", actual={}), "closed"))


def _synced(table: Table) -> float:
    began = time.perf_counter()
    for _ in range(TASKS):
        for _ in range(STEPS):
            table.commit([RESULT.encode(), b"x" * 300])
        table.commit([b"x" * 300])
    return time.perf_counter() - began
