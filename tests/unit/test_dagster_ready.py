from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agentos.events.types import (
    ApprovalGranted,
    ApprovalRequested,
    Fact,
    StepStarted,
    TaskCompleted,
    TaskOpened,
    TaskParked,
    TaskResumed,
)
from agentos.ids import uuid7
from agentos.platform import Store, open_store
from agentos.tasks.answers import Desk
from agentos.tasks.lease import Lease
from agentos_assets.ready import PATIENCE, Cursor, Ready, look, open_tasks, run_key

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(tmp_path)
    yield opened
    opened.close()


def record(store: Store, task: str, *facts: Fact) -> None:
    store.log.append([fact.on(f"task/{task}") for fact in facts])


def park(card: str | None = None, until: datetime | None = None) -> TaskParked:
    return TaskParked(why=[{"kind": "wait", "on": card, "until": until.isoformat() if until else None, "why": ""}])


def card(id: str, expires_at: datetime | None = None) -> ApprovalRequested:
    return ApprovalRequested(card=id, kind="effects", step="deliver", title="", expires_at=expires_at)


def reasons(ready: list[Ready]) -> dict[str, str]:
    return {one.task: one.because for one in ready}


def test_a_new_task_is_asked_for_once(store: Store) -> None:
    task = Desk(store).submit("invoice Acme 100 EUR")
    first, cursor = look(store, None, NOW)
    assert reasons(first) == {task: "new"}
    assert first[0].trigger == "terminal"
    again, _ = look(store, str(cursor), NOW + timedelta(seconds=5))
    assert again == []


def test_a_run_that_never_began_is_asked_for_again_with_growing_patience(store: Store) -> None:
    Desk(store).submit("invoice Acme 100 EUR")
    first, cursor = look(store, None, NOW)
    early, cursor = look(store, str(cursor), NOW + PATIENCE - timedelta(seconds=1))
    second, cursor = look(store, str(cursor), NOW + PATIENCE)
    third, _ = look(store, str(cursor), NOW + 2 * PATIENCE)
    assert (early, third) == ([], [])
    assert run_key(first) != run_key(second)


def test_parked_on_a_card_it_waits_for_the_answer_and_no_longer(store: Store) -> None:
    record(store, "t", TaskOpened(task="t", intent="i", trigger="mail"), card("c"), park("c"))
    nothing, cursor = look(store, None, NOW)
    record(store, "t", ApprovalGranted(card="c", effects=[], via="terminal"))
    ready, _ = look(store, str(cursor), NOW)
    assert nothing == []
    assert reasons(ready) == {"t": "approved"}


def test_the_same_task_ready_again_has_another_run_key(store: Store) -> None:
    record(store, "t", TaskOpened(task="t", intent="i", trigger="mail"))
    first, cursor = look(store, None, NOW)
    record(store, "t", card("c"), park("c"), ApprovalGranted(card="c", effects=[], via="terminal"))
    second, _ = look(store, str(cursor), NOW)
    assert reasons(second) == {"t": "approved"}
    assert run_key(first) != run_key(second)


@pytest.mark.parametrize("wait", ["until", "expiry"])
def test_a_moment_that_comes_makes_it_ready_without_any_event(store: Store, wait: str) -> None:
    due = NOW + timedelta(hours=1)
    facts = [park(until=due)] if wait == "until" else [card("c", expires_at=due), park("c")]
    record(store, "t", TaskOpened(task="t", intent="i", trigger="mail"), *facts)
    early, cursor = look(store, None, NOW)
    ready, _ = look(store, str(cursor), due)
    assert early == []
    assert reasons(ready) == {"t": "due"}


def test_a_task_in_the_hands_of_a_worker_is_left_alone_until_the_worker_dies(store: Store) -> None:
    step = StepStarted(step="s", round=1, attempt=1, agent="a", agent_version="1", tier="none", now=NOW, seed="")
    record(store, "t", TaskOpened(task="t", intent="i", trigger="mail"), step)
    with Lease(store.leases, "t"):
        held, cursor = look(store, None, NOW)
    ready, _ = look(store, str(cursor), NOW)
    assert held == []
    assert reasons(ready) == {"t": "left"}


def test_a_closed_task_leaves_the_cursor(store: Store) -> None:
    record(store, "t", TaskOpened(task="t", intent="i", trigger="mail"))
    _, cursor = look(store, None, NOW)
    record(store, "t", TaskCompleted(summary="", actual={}))
    ready, after = look(store, str(cursor), NOW)
    assert "t" in cursor.open
    assert (ready, after.open) == ([], {})
    assert open_tasks(store) == []


def test_after_a_stop_and_a_start_the_same_readiness_is_asked_for_at_once(store: Store) -> None:
    desk = Desk(store)
    task = desk.submit("invoice Acme 100 EUR")
    _, cursor = look(store, None, NOW)
    desk.stop("a look first")
    desk.start()
    ready, _ = look(store, str(cursor), NOW)
    assert reasons(ready) == {task: "new"}


@pytest.mark.parametrize("text", ["", "garbage", "[]", '{"seq": 1}'])
def test_a_cursor_that_cannot_be_read_means_look_at_everything(store: Store, text: str) -> None:
    task = Desk(store).submit("invoice Acme 100 EUR")
    assert reasons(look(store, text, NOW)[0]) == {task: "new"}


def test_a_log_rewound_by_a_restore_is_looked_at_from_the_start(store: Store) -> None:
    task = Desk(store).submit("invoice Acme 100 EUR")
    _, cursor = look(store, None, NOW)
    for seq, hash in ((cursor.seq + 7, cursor.hash), (cursor.seq, "00" * 32)):
        elsewhere = Cursor(seq, hash, cursor.open)
        assert reasons(look(store, str(elsewhere), NOW)[0]) == {task: "new"}


CHANGES = st.lists(st.tuples(st.integers(0, 2), st.sampled_from(["open", "park", "answer", "resume", "close", "look"])))


@given(changes=CHANGES)
@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_looking_often_finds_what_one_look_at_the_end_finds(tmp_path: Path, changes: list[tuple[int, str]]) -> None:
    """What can go on at the end was asked for, in its present state, by some look; nothing else is still open."""
    store = open_store(tmp_path / uuid7())
    facts: dict[str, Any] = {
        "park": lambda n: [card(f"c{n}"), park(f"c{n}")],
        "answer": lambda n: [ApprovalGranted(card=f"c{n}", effects=[], via="terminal")],
        "resume": lambda n: [TaskResumed(by="test")],
        "close": lambda n: [TaskCompleted(summary="", actual={})],
    }
    asked: dict[str, int] = {}
    text, opened = None, set()
    for n, change in [*changes, (0, "look")]:
        if change == "look":
            ready, cursor = look(store, text, NOW)
            asked |= {one.task: one.seq for one in ready}
            text = str(cursor)
        elif change == "open" and n not in opened:
            opened.add(n)
            record(store, f"t{n}", TaskOpened(task=f"t{n}", intent="i", trigger="mail"))
        elif change != "open" and n in opened:
            record(store, f"t{n}", *facts[change](n))
    once, fresh = look(store, None, NOW)
    store.close()
    assert {one.task: one.seq for one in once}.items() <= asked.items()
    assert set(Cursor.parse(text).open) == set(fresh.open)
