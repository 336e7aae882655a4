"""Many tasks side by side, without Dagster: over a real log, with scripted agents and a fake outside system."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from agentos.agent import Kit
from agentos.events.types import TaskPlanned
from agentos.platform import Stopped
from agentos.tasks.lease import Lease
from agentos_assets.crew import Outcome, advance_ready
from tests.fakes.effects import FakeSystem
from tests.fakes.platform import ALLOW, ASK, AnyRequest, AnyResult, Bench, FakeAgent, Work, proposes

RECIPE = """
workflow = "publish-post"
title = "Test"
[[steps]]
id = "make"
agent = "make"
inputs = { topic = "$slots.topic" }
[[steps]]
id = "deliver"
kind = "effects"
needs = ["make"]
inputs = { from = ["make"] }
"""


def bench(root: Path, work: Work, *, asks: bool = False) -> Bench:
    return Bench(root, RECIPE, [FakeAgent("make", work)], {"fake": FakeSystem()}, policy=ASK if asks else ALLOW)


async def work_through(
    one: Bench, *named: str, report: Callable[[Outcome], None] = lambda _: None, linger: float = 0.0, at_once: int = 8
) -> dict[str, str]:
    """task -> the status it had last."""
    doing = advance_ready(one.platform, named, linger=linger, at_once=at_once, report=report)
    outcomes = await asyncio.wait_for(doing, 15)
    return {o.task: o.advanced.state.status if o.advanced else f"crashed: {o.crashed}" for o in outcomes}


def waits_for(event: asyncio.Event) -> Work:
    """An agent that writes about cats only once `event` is set."""

    async def work(request: AnyRequest, kit: Kit) -> AnyResult:
        if "cats" in request.topic:
            await event.wait()
        return AnyResult(said=request.topic)

    return work


async def test_a_slow_task_does_not_hold_up_the_others(tmp_path: Path) -> None:
    fast_is_done = asyncio.Event()
    one = bench(tmp_path, waits_for(fast_is_done))
    slow, fast = one.submit("Write a blog post about cats"), one.submit("Write a blog post about dogs")
    order = []

    def report(outcome: Outcome) -> None:
        order.append(outcome.task)
        if outcome.task == fast:
            fast_is_done.set()

    assert await work_through(one, report=report) == {slow: "completed", fast: "completed"}
    assert order == [fast, slow]


async def test_an_approval_and_a_new_task_that_come_meanwhile_are_taken_up(tmp_path: Path) -> None:
    one = bench(tmp_path, proposes("a"), asks=True)
    first = one.submit()
    later: list[str] = []

    def report(outcome: Outcome) -> None:
        assert outcome.advanced is not None
        cards = outcome.advanced.state.open_cards()

        def operator() -> None:
            for card in cards:
                one.desk.approve(card.id)
            if not later:
                later.append(one.submit("Write a blog post about dogs"))

        threading.Thread(target=operator).start()

    statuses = await work_through(one, report=report, linger=1.0)
    assert statuses == {first: "completed", later[0]: "completed"}


async def test_no_more_than_so_many_at_once(tmp_path: Path) -> None:
    running, most = 0, 0

    async def work(request: AnyRequest, kit: Kit) -> AnyResult:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.02)
        running -= 1
        return AnyResult()

    one = bench(tmp_path, work)
    tasks = {one.submit() for _ in range(5)}
    assert set(await work_through(one, at_once=2)) == tasks
    assert most == 2


async def test_a_parked_task_is_left_alone_but_looked_at_when_named(tmp_path: Path) -> None:
    one = bench(tmp_path, proposes("a"), asks=True)
    task = one.submit()
    await one.advance(task)
    assert await work_through(one) == {}
    before = one.types(task)
    assert await work_through(one, task) == {task: "parked"}
    assert one.types(task) == before


async def test_a_task_that_another_worker_holds_is_left_to_it(tmp_path: Path) -> None:
    one = bench(tmp_path, proposes("a"))
    held, free = one.submit(), one.submit()
    busy = {}

    def report(outcome: Outcome) -> None:
        assert outcome.advanced is not None
        busy[outcome.task] = outcome.advanced.busy

    with Lease(one.platform.store.leases, held):
        await work_through(one, report=report)
    assert busy == {held: True, free: False}
    assert one.types(held) == ["task.opened"]


async def test_a_record_that_cannot_be_worked_with_stops_only_its_own_task(tmp_path: Path) -> None:
    one = bench(tmp_path, proposes("a"))
    broken, good = one.submit(), one.submit()
    strange = TaskPlanned(understanding={}, plan={"client": "Acme Studio", "steps": "none"}, estimate={})
    one.platform.log.append(strange.on(f"task/{broken}"))
    statuses = await work_through(one)
    assert statuses[good] == "completed"
    assert statuses[broken].startswith("crashed: ValidationError in ")
    assert "Acme" not in statuses[broken]


async def test_a_stopped_platform_begins_nothing(tmp_path: Path) -> None:
    one = bench(tmp_path, proposes("a"))
    task = one.submit()
    one.desk.stop("a look first")
    with pytest.raises(Stopped, match="a look first"):
        await work_through(one)
    assert one.types(task) == ["task.opened"]


async def test_when_the_run_is_ended_what_was_recorded_stands_and_the_task_is_free(tmp_path: Path) -> None:
    started = asyncio.Event()

    async def never(request: AnyRequest, kit: Kit) -> AnyResult:
        started.set()
        await asyncio.Event().wait()
        raise AssertionError("not reached")

    one = bench(tmp_path, never)
    task = one.submit()
    run: Awaitable[object] = asyncio.create_task(work_through(one))
    await asyncio.wait_for(started.wait(), 10)
    assert isinstance(run, asyncio.Task)
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    with Lease(one.platform.store.leases, task):
        assert "task.planned" in one.types(task)
