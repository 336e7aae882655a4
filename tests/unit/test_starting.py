"""Runs that are started at once: by whom, when not, and that a failure or a second starter is harmless."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest

from agentos.clock import SystemClock
from agentos.platform import Store, open_store
from agentos.tasks.answers import Desk
from agentos.tasks.lease import Lease
from agentos_assets import sensors, starting
from agentos_assets.attending import CREW, STARTER, attended_for, attending
from agentos_assets.ready import Ready, look
from agentos_assets.resources import PlatformResource
from agentos_assets.sensors import ready_tasks
from agentos_assets.starting import Starter

TEXT = "Invoice Acme Studio 1,200 EUR"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    (tmp_path / "agentos.toml").write_text("")
    opened = open_store(tmp_path)
    yield opened
    opened.close()


@asynccontextmanager
async def watching(store: Store, launch: Callable[[list[Ready]], None]) -> AsyncIterator[None]:
    ended = threading.Event()
    task = asyncio.create_task(Starter(store, launch, SystemClock(), logging.getLogger("test")).watch(ended))
    try:
        yield
    finally:
        ended.set()
        await task


async def until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(15):
        while not holds():  # noqa: ASYNC110 - what is looked at sets no event
            await asyncio.sleep(0.01)


async def test_what_is_open_already_and_what_is_appended_is_started(store: Store) -> None:
    before = Desk(store).submit(TEXT)
    started: list[list[str]] = []
    seen: list[str] = []

    def launch(ready: list[Ready]) -> None:
        started.append([one.task for one in ready])
        seen.append(ready[0].because)

    async with watching(store, launch):
        await until(lambda: started == [[before]])
        with attending(store.leases, CREW):  # the run is there, and has seen both tasks: nobody else is needed
            after = Desk(store).submit(TEXT)
            await asyncio.sleep(1.5)
            assert started == [[before]]
        await until(lambda: started == [[before], [after]])
    assert seen == ["new", "new"]


async def test_one_run_is_started_for_a_burst(store: Store) -> None:
    started: list[int] = []
    async with watching(store, lambda ready: started.append(len(ready))):
        for _ in range(5):
            Desk(store).submit(TEXT)
        await until(lambda: started)
        await asyncio.sleep(1.5)
    assert len(started) == 1, "the run that comes reads the log itself"


async def test_a_task_that_another_worker_holds_is_left_to_it_until_it_lets_go(store: Store) -> None:
    task = Desk(store).submit(TEXT)
    started: list[str] = []
    with Lease(store.leases, task):
        async with watching(store, lambda ready: started.extend(one.task for one in ready)):
            await asyncio.sleep(1.5)
            assert started == []
    async with watching(store, lambda ready: started.extend(one.task for one in ready)):
        await until(lambda: started == [task])


async def test_a_launch_that_fails_is_tried_again(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(starting, "AFTER_FAILURE", 0.05)
    tries: list[str] = []

    def launch(ready: list[Ready]) -> None:
        tries.append(ready[0].task)
        if len(tries) < 3:
            raise ValueError("Acme Studio: no such code server")

    async with watching(store, launch):
        Desk(store).submit(TEXT)
        await until(lambda: len(tries) == 3)


async def test_a_stopped_platform_starts_nothing_until_it_is_started(store: Store) -> None:
    desk, started = Desk(store), list[str]()
    desk.stop("a look first")
    task = desk.submit(TEXT)
    async with watching(store, lambda ready: started.extend(one.task for one in ready)):
        await asyncio.sleep(1.2)
        assert started == []
        desk.start()
        await until(lambda: started == [task])


def sense(root: Path, cursor: str | None) -> dg.SensorResult | dg.SkipReason:
    context = dg.build_sensor_context(cursor=cursor, resources={"platform": PlatformResource(workspace=str(root))})
    result = ready_tasks(context)
    assert isinstance(result, dg.SensorResult | dg.SkipReason)
    return result


def test_the_sensor_leaves_a_new_task_to_the_starter_and_a_neglected_one_to_nobody(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    Desk(store).submit(TEXT)
    with attending(store.leases, STARTER):
        first = sense(store.root, None)
        assert isinstance(first, dg.SensorResult)
        assert not first.run_requests
        monkeypatch.setattr(sensors, "GRACE", timedelta(microseconds=1))
        second = sense(store.root, first.cursor)
    assert isinstance(second, dg.SensorResult)
    assert second.run_requests is not None
    assert len(second.run_requests) == 1


def test_the_sensor_rests_while_a_run_lingers_unless_that_has_been_at_it_for_long(store: Store) -> None:
    Desk(store).submit(TEXT)
    with attending(store.leases, CREW):
        resting = sense(store.root, None)
        assert isinstance(resting, dg.SkipReason)
        long_ago = time.time() - 2 * sensors.LEFT_ALONE
        os.utime(store.leases / CREW, (long_ago, long_ago))
        helped = sense(store.root, None)
    assert isinstance(helped, dg.SensorResult)
    assert helped.run_requests


def test_two_that_attend_do_not_stand_in_each_others_way(store: Store) -> None:
    with attending(store.leases, CREW), attending(store.leases, CREW):
        assert attended_for(store.leases, CREW) is not None
    assert attended_for(store.leases, CREW) is None


def test_what_was_only_seen_is_asked_for_after_its_grace(store: Store) -> None:
    now, grace = SystemClock().now(), timedelta(seconds=8)
    Desk(store).submit(TEXT)
    none, cursor = look(store, None, now, grace)
    still_none, cursor = look(store, str(cursor), now + timedelta(seconds=5), grace)
    (one,), cursor = look(store, str(cursor), now + timedelta(seconds=9), grace)
    again, _ = look(store, str(cursor), now + timedelta(seconds=14), grace)
    assert (none, still_none, one.nth, again) == ([], [], 1, [])
