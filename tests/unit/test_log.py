"""The event log as its users see it: order, keys, durability, sealing, tailing."""

from __future__ import annotations

import asyncio
import multiprocessing
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from agentos.errors import AgentOSError, Conflict, Refused
from agentos.events.log import Reader
from agentos.events.record import NewEvent
from agentos.events.sqlite import SQLiteLog, refuse_affected
from agentos.secrets.keyring import KeyRing
from agentos.secrets.sealing import Sealer


def open_log(root: Path) -> SQLiteLog:
    return SQLiteLog(root / "state" / "events.db", Sealer(KeyRing(root / "state" / "keys")))


@pytest.fixture
def log(tmp_path: Path) -> Iterator[SQLiteLog]:
    opened = open_log(tmp_path)
    yield opened
    opened.close()


def note(n: int, **more: str) -> NewEvent:
    return NewEvent("test.noted", "test/1", {"n": n}, **more)  # type: ignore[arg-type]


def test_events_come_back_in_one_order_with_a_chained_hash(log: SQLiteLog) -> None:
    log.append([note(1), note(2)])
    log.append(note(3))
    records = list(log.read())
    assert [r.seq for r in records] == [1, 2, 3]
    assert [r.data["n"] for r in records] == [1, 2, 3]
    assert len({r.hash for r in records}) == 3
    assert log.head() == (3, records[-1].hash)


def test_a_key_is_recorded_once_and_the_second_learns_of_it(log: SQLiteLog) -> None:
    log.append(note(1, key="once"))
    with pytest.raises(Conflict):
        log.append([note(2), note(3, key="once")])
    assert [r.data["n"] for r in log.read()] == [1]
    found = log.by_key("once")
    assert found is not None
    assert found.data == {"n": 1}


def test_one_appenders_conflict_never_fails_its_neighbours(log: SQLiteLog) -> None:
    log.append(note(0, key="taken"))
    futures = [log.submit(note(n, key="taken" if n % 3 == 0 else f"k{n}")) for n in range(1, 60)]
    outcomes = [future.exception() for future in futures]
    assert [isinstance(e, Conflict) for e in outcomes] == [n % 3 == 0 for n in range(1, 60)]
    assert sum(1 for _ in log.read()) == 1 + sum(e is None for e in outcomes)


def test_a_decision_sees_the_state_it_is_written_on(log: SQLiteLog) -> None:
    def count_up(reader: Reader) -> list[NewEvent]:
        last = reader.last(stream="test/1")
        n = last.data["n"] if last else 0
        if n >= 50:
            raise Refused("enough")
        return [note(n + 1)]

    outcomes = [f.exception() for f in [log.submit(count_up) for _ in range(80)]]
    assert [r.data["n"] for r in log.read()] == list(range(1, 51))
    assert sum(isinstance(e, Refused) for e in outcomes) == 30


def _append_many(root: Path, worker: int) -> None:
    log = open_log(root)
    for n in range(100):
        log.append(note(n, key=f"{worker}-{n}"))
    log.close()


def test_several_processes_append_safely_at_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_append_many, args=(tmp_path, w)) for w in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0
    log = open_log(tmp_path)
    assert [r.seq for r in log.read()] == list(range(1, 301))


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE events SET actor = 'x'",
        "DELETE FROM events",
        "INSERT OR REPLACE INTO events SELECT 1, 'other', stream, version, type, at, actor, subject, NULL, "
        "correlation, causation, data, hash FROM events WHERE seq = 1",
        "INSERT INTO events SELECT 9, 'other', stream, version, type, at, actor, subject, NULL, correlation, "
        "causation, data, hash FROM events WHERE seq = 1",
    ],
)
def test_the_database_itself_refuses_changes(log: SQLiteLog, statement: str) -> None:
    log.append(note(1, key="k"))
    with pytest.raises(apsw.ConstraintError):
        apsw.Connection(str(log.path)).execute(statement)
    assert [r.data for r in log.read()] == [{"n": 1}]


def test_a_clients_payload_is_sealed_and_forgotten_with_its_key(log: SQLiteLog) -> None:
    log.append(NewEvent("test.noted", "test/1", {"name": "Acme Studio"}, subject="acme-studio"))
    record = next(iter(log.read()))
    assert b"Acme" not in record.stored
    assert record.data == {"name": "Acme Studio"}
    log._sealer.keys.destroy("acme-studio")
    assert next(iter(log.read())).forgotten
    with pytest.raises(Refused):
        log.append(NewEvent("test.noted", "test/1", {"name": "again"}, subject="acme-studio"))


@pytest.mark.parametrize(
    ("version", "refused"), [("3.40.1", True), ("3.51.2", True), ("3.51.3", False), ("3.6.23", False)]
)
def test_an_affected_sqlite_is_refused(version: str, refused: bool) -> None:
    if refused:
        with pytest.raises(AgentOSError, match="WAL-reset"):
            refuse_affected(version)
    else:
        refuse_affected(version)


async def test_a_tail_wakes_up_for_another_process(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    log.append(note(-1))
    seen: list[int] = []

    async def follow() -> None:
        async for record in log.tail(0, patience=10):
            seen.append(record.data["n"])
            if len(seen) == 101:
                return

    following = asyncio.create_task(follow())
    worker = multiprocessing.get_context("spawn").Process(target=_append_many, args=(tmp_path, 1))
    worker.start()
    await asyncio.wait_for(following, 30)
    worker.join()
    log.close()
    assert seen == [-1, *range(100)]


async def test_concurrent_appenders_share_commits(log: SQLiteLog) -> None:
    await asyncio.gather(*(log.record(note(n)) for n in range(300)))
    assert sorted(r.data["n"] for r in log.read()) == list(range(300))
