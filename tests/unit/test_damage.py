"""A log that is not what was written comes up stopped, says why, and goes on only when the operator says so."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw
import dagster as dg
import pytest

from agentos.damage import MEND, mark_of, verify_all, verify_new
from agentos.events.record import NewEvent
from agentos.events.witness import witness_of
from agentos.platform import Store, open_store, refuse_if_stopped, stop_reason
from desk.main import main
from tests.fakes.business import Shop

SAYS = "Write a blog post about heat pumps for older houses"


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace whose task is done."""
    import asyncio

    async def story(shop: Shop) -> None:
        state = await shop.run(SAYS)
        while not state.closed:
            state = await shop.approve(state)

    shop = Shop(tmp_path_factory.mktemp("damage") / "w")
    asyncio.run(story(shop))
    shop.close()
    return shop.root


@pytest.fixture
def root(finished: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "w", symlinks=True))


def damage(root: Path, statement: str) -> None:
    """By a hand that knows SQL and puts the triggers back."""
    connection = apsw.Connection(str(root / "state" / "events.db"))
    triggers = list(connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"))
    for name, _ in triggers:
        connection.execute(f"DROP TRIGGER {name}")
    connection.execute(statement)
    for _, sql in triggers:
        connection.execute(sql)
    connection.close()


def agentos(root: Path, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, Any]:
    """Exit code and the JSON answer."""
    with pytest.raises(SystemExit) as ended:
        main(["--workspace", str(root), *words, "--json"])
    return int(ended.value.code or 0), json.loads(capsys.readouterr().out)


def test_a_worker_verifies_what_is_new_and_the_last_witness(root: Path) -> None:
    store = open_store(root)
    assert verify_all(store).ok
    assert mark_of(store).read() == store.log.head()
    store.log.append(NewEvent("test.noted", "test", {"n": 1}))
    assert verify_new(store).ok
    assert mark_of(store).read() == store.log.head()
    store.close()
    head = store.log.head()[0]
    damage(root, f"UPDATE events SET data = CAST('{{}}' AS BLOB) WHERE seq = {head}")
    mark_of(store).write(head - 1, row(store, head - 1))
    verdict = verify_new(open_store(root))
    assert (verdict.ok, verdict.first_bad) == (False, head)


def row(store: Store, seq: int) -> bytes:
    return bytes(next(iter(store.log.rows(seq - 1, 1)))[12])


def test_a_log_that_was_cut_comes_up_stopped_for_every_worker(root: Path) -> None:
    shop = Shop(root)
    shop.open()
    head = shop.platform.log.head()[0]
    shop.close()
    damage(root, f"DELETE FROM events WHERE seq > {head - 2}")
    platform = shop.open()
    assert "not what was written" in stop_reason(platform.store.stop_file)
    with pytest.raises(Exception, match="not the one that was verified last"):
        refuse_if_stopped(platform.log, platform.store.stop_file)
    assert [r.data["why"] for r in platform.log.read(types=("platform.stopped",))] != []
    shop.close()


def test_a_forged_mark_or_none_means_the_whole_chain(root: Path) -> None:
    store = open_store(root)
    (root / "state" / "verified").write_text("what?")
    assert verify_new(store).ok
    assert mark_of(store).read() == store.log.head()


async def test_while_damaged_nothing_is_done(root: Path) -> None:
    damage(root, "UPDATE events SET data = CAST(data || ' ' AS BLOB) WHERE seq = 9")
    (root / "state" / "verified").unlink(missing_ok=True)
    shop = Shop(root)
    shop.open()
    state = await shop.advance(shop.desk.submit(SAYS))
    assert (state.status, state.effects, state.plan) == ("open", {}, None)
    shop.close()


def test_the_operator_sees_why_and_start_refuses(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    damage(root, "UPDATE events SET data = CAST(data || ' ' AS BLOB) WHERE seq = 9")
    code, said = agentos(root, capsys, "log", "verify")
    assert (code, said["first_bad"]) == (1, 9)
    code, said = agentos(root, capsys, "status")
    assert "event 9 was changed" in said["stopped"]
    code, said = agentos(root, capsys, "start")
    assert (code, said["error"]["code"]) == (1, "log.damaged")
    assert "event 9 was changed" in said["error"]["message"]
    assert "--accept-damage" in said["error"]["hint"]
    code, said = agentos(root, capsys, "doctor")
    assert any("event 9 was changed" in one["what"] for one in said["findings"])


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE events SET data = CAST(data || ' ' AS BLOB) WHERE seq = 9",
        "UPDATE events SET data = CAST('?' AS BLOB) WHERE seq = 9",
        "DELETE FROM events WHERE seq = 9",
        "DELETE FROM events WHERE seq > 20",
    ],
    ids=["changed", "unreadable", "dropped", "cut"],
)
def test_damage_that_was_accepted_is_passed_over_and_any_other_is_found(
    root: Path, capsys: pytest.CaptureFixture[str], statement: str
) -> None:
    damage(root, statement)
    assert agentos(root, capsys, "start")[0] == 1
    code, said = agentos(root, capsys, "start", "--accept-damage", "known: the disk of last week")
    assert code == 0, said
    store = open_store(root)
    (accepted,) = store.log.read(types=("platform.damage_accepted",))
    assert accepted.data["first_bad"] in (9, 21)
    assert accepted.data["reason"] == "known: the disk of last week"
    assert verify_new(store).ok
    assert agentos(root, capsys, "log", "verify")[0] == 0
    assert agentos(root, capsys, "status")[1]["stopped"] is None
    assert agentos(root, capsys, "start")[0] == 0
    damage(root, "UPDATE events SET actor = 'x' WHERE seq = 12")
    code, said = agentos(root, capsys, "log", "verify")
    assert (code, said["first_bad"]) == (1, 12)


def test_a_blob_that_is_gone_is_found_and_can_be_accepted(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = open_store(root)
    name = next(store.blobs.names())
    store.blobs.path(name).unlink()
    code, said = agentos(root, capsys, "log", "verify")
    assert (code, said["first_bad"]) == (1, None)
    assert name[:16] in said["why"]
    assert agentos(root, capsys, "start", "--accept-damage", "not needed")[0] == 0
    assert agentos(root, capsys, "log", "verify")[0] == 0


def no_header(root: Path) -> None:
    overwrite(root, 0, bytes(100))


def no_page(root: Path) -> None:
    """The root page of the table: the database opens, and nothing can be read from it."""
    connection = apsw.Connection(str(root / "state" / "events.db"))
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    ((page,),) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'events'")
    connection.close()
    overwrite(root, (page - 1) * 4096, bytes(4096))


def overwrite(root: Path, at: int, with_what: bytes) -> None:
    path = root / "state" / "events.db"
    for more in ("-wal", "-shm"):
        path.with_name(path.name + more).unlink(missing_ok=True)
    data = bytearray(path.read_bytes())
    data[at : at + len(with_what)] = with_what
    path.write_bytes(data)


MALFORMED = pytest.mark.parametrize("break_it", [no_header, no_page])
COMMANDS = (
    ("status",), ("desk",), ("log",), ("log", "verify"), ("log", "check"), ("start",), ("resume",), ("run", SAYS),
    ("undo",),
)  # fmt: skip


@MALFORMED
@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_a_malformed_database_is_said_by_every_command_with_what_to_do(
    root: Path, capsys: pytest.CaptureFixture[str], break_it: Callable[[Path], None], words: tuple[str, ...]
) -> None:
    break_it(root)
    with pytest.raises(SystemExit) as ended:
        main(["--workspace", str(root), *words])
    said = "".join(capsys.readouterr())
    assert ended.value.code == 1
    assert "damaged" in said or "malformed" in said
    assert "agentos restore" in said


@MALFORMED
def test_a_malformed_database_comes_up_stopped_and_is_shown_so(
    root: Path, capsys: pytest.CaptureFixture[str], break_it: Callable[[Path], None]
) -> None:
    from agentos_assets.resources import PlatformResource
    from agentos_assets.sensors import ready_tasks, shown_tasks
    from agentos_assets.serving import verify_first

    break_it(root)
    said: list[str] = []
    verify_first(root, said.append)
    why = stop_reason(root / "state" / "STOPPED")
    assert said[0] == f"STOPPED: {why}.\n{MEND}; nothing is done until then."
    resources = {"platform": PlatformResource(workspace=str(root))}
    for sensor in (ready_tasks, shown_tasks):
        skipped = sensor(dg.build_sensor_context(resources=resources))
        assert isinstance(skipped, dg.SkipReason)
        assert f"{why}. {MEND}." in str(skipped.skip_message)
    assert agentos(root, capsys, "stop", "--reason", "I saw it")[0] == 0
    assert stop_reason(root / "state" / "STOPPED") == why
    findings = agentos(root, capsys, "doctor")[1]["findings"]
    assert [one["mend"] for one in findings if one["area"] == "switch"] == [f"{MEND}."]


def test_a_stop_says_its_reason_in_the_file(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert agentos(root, capsys, "stop", "--reason", "on holiday")[0] == 0
    assert stop_reason(root / "state" / "STOPPED") == "on holiday"
    assert agentos(root, capsys, "start")[0] == 0
    assert not (root / "state" / "STOPPED").exists()
    assert witness_of(root).last() is not None


def test_up_verifies_first_and_says_that_it_serves_stopped(root: Path) -> None:
    from agentos_assets.serving import verify_first

    said: list[str] = []
    verify_first(root, said.append)
    assert said == []
    damage(root, "UPDATE events SET actor = 'x' WHERE seq = 9")
    verify_first(root, said.append)
    assert "STOPPED" in said[0]
    assert "event 9 was changed" in stop_reason(root / "state" / "STOPPED")
