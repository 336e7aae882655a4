"""`agentos up` as the operator meets it: her page in a real browser, the real daemon, a real workspace.

One served workspace for the whole file, run from a copy of the program with an empty home, so that whatever falls
anywhere else is seen.
"""

from __future__ import annotations

import contextlib
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from agentos.ids import short
from agentos.platform import open_store
from agentos_assets.serving import AlreadyUp, serve
from agentos_assets.task_asset import partition_of
from tests.e2e.served import CLONE, Served, runs, start, submit, until

VIGNETTE = "Produce a blog post about heat pumps for older houses and invoice Acme Studio 1,200 EUR"
SECRETS = (b"Acme", b"1,200", b"workshop", b"heat", b"older houses")
"""Names and words of hers. Ids of clients, and amounts beside them, stand in what Dagster shows of the views."""
TICKS = (
    "query ($one: SensorSelector!) "
    "{sensorOrError(sensorSelector: $one) {... on Sensor {sensorState {ticks(limit: 1) {skipReason}}}}}"
)

pytestmark = pytest.mark.xdist_group("up")


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    served = start(tmp_path_factory.mktemp("up"))
    yield served
    served.end()


def wait_for_runs(up: Served, count: int) -> None:
    """Until there have been so many runs that advance tasks, all of them successful. One more than is needed is
    harmless: a slow machine asks twice."""
    end = time.monotonic() + 60
    while len(found := runs(up)) < count or set(found) != {"SUCCESS"}:
        assert time.monotonic() < end, found
        time.sleep(0.3)


@pytest.mark.browser
def test_an_intent_parks_goes_on_after_the_approval_and_is_seen(up: Served, page: Any, pictures: Path) -> None:
    desk = up.desk
    task = desk.submit(VIGNETTE)
    (card,) = until(desk, task, "parked").open_cards()
    url = f"{up.address}/assets/task?partition={partition_of(task)}&view=partitions"
    page.goto(url)
    page.get_by_text(f"agentos approve {short(card.id)}").wait_for(timeout=60_000)
    assert page.get_by_text("Welcome to Dagster").count() == 0
    assert page.get_by_text("waits for you").count() > 0
    wait_for_runs(up, 1)  # it lingers no more: what follows is the sensor's doing

    desk.approve(card.id)
    until(desk, task, "completed")
    page.goto(url)
    page.get_by_role("cell", name="issue", exact=True).wait_for(timeout=60_000)
    assert page.get_by_text("Acme").count() == 0
    page.screenshot(path=pictures / "dagster-task.png")

    wait_for_runs(up, 2)
    page.goto(f"{up.address}/runs?q%5B0%5D=job%3Aadvance_tasks")
    page.get_by_text("advance_tasks").nth(1).wait_for(timeout=60_000)
    assert page.get_by_text("agentos/because: approved").count() > 0
    assert page.get_by_text("agentos/because: new").count() > 0
    page.screenshot(path=pictures / "dagster-runs.png", clip={"x": 0, "y": 0, "width": 1440, "height": 460})


@pytest.mark.browser
def test_what_has_happened_is_in_the_views_within_a_minute(up: Served, page: Any, pictures: Path) -> None:
    end = time.monotonic() + 90
    while "acme-studio" not in shown(up, "receivables") or "completed" not in shown(up, "tasks"):
        assert time.monotonic() < end, shown(up, "tasks")
        time.sleep(1)
    headings = {"tasks": "ended", "receivables": "what each client owes", "costs": "what models cost"}
    for name, heading in headings.items():
        page.goto(f"{up.address}/assets/{name}?view=events")
        page.get_by_text(heading).first.wait_for(timeout=60_000)
        page.screenshot(path=pictures / f"dagster-asset-{name}.png")
    page.goto(f"{up.address}/asset-groups")
    page.get_by_text("money").first.wait_for(timeout=60_000)
    page.screenshot(path=pictures / "dagster-lineage.png")


def shown(up: Served, asset: str) -> str:
    """The newest materialisation's metadata, as text."""
    said = "{... on Asset {assetMaterializations(limit: 1) {metadataEntries {... on MarkdownMetadataEntry {mdStr}}}}}"
    query = "query Shown($path: [String!]!) {assetOrError(assetKey: {path: $path}) " + said + "}"
    body = {"query": query, "variables": {"path": [asset]}}
    return httpx.post(f"{up.address}/graphql", json=body, timeout=20).text


def test_a_service_that_is_killed_comes_back_and_work_goes_on(up: Served) -> None:
    desk = up.desk
    for words in (["agentos_assets.code_server"], ["dagster._daemon"], ["dagster_webserver"]):
        (found,) = [one for one in up.family if set(words) <= set(one.cmdline())]
        found.kill()
    state = until(desk, submit(desk, "April"), "parked", within=120)
    assert len(state.open_cards()) == 1
    printed = up.printed.read_text()
    for name in ("code", "daemon", "webserver"):
        assert f"{name} ended (killed by SIGKILL)" in printed
    assert httpx.get(f"{up.address}/server_info", timeout=20).status_code == 200


def test_a_second_up_is_refused(up: Served) -> None:
    with pytest.raises(AlreadyUp, match=re.escape(up.address)):
        serve(up.workspace)


def test_only_what_does_the_work_sees_the_keys_of_the_environment(up: Served) -> None:
    assert up.holders("A_KEY") == [up.code_server]


def test_nothing_fell_into_the_program_or_the_home_and_no_client_into_dagsters_storage(up: Served) -> None:
    theirs = up.workspace / "state" / "dagster"
    stored = dict(contents(theirs))
    assert sum(len(content) for content in stored.values()) > 100_000
    assert {path.name: word for path, content in stored.items() for word in SECRETS if word in content} == {}
    assert [path for name in ("logs", ".logs_queue") for path in (theirs / name).glob("*")] == []
    assert list(up.home.rglob("*")) == []
    differing = [path for path in up.program.rglob("*") if path.is_file() and not same(path, up.program)]
    assert differing == []


def contents(folder: Path) -> Iterator[tuple[Path, bytes]]:
    """Of each file; one that goes while it is looked at (SQLite's own) is passed over."""
    for path in folder.rglob("*"):
        with contextlib.suppress(FileNotFoundError):
            if path.is_file():
                yield path, path.read_bytes()


def same(path: Path, program: Path) -> bool:
    return (CLONE / path.relative_to(program)).exists()


def test_ctrl_c_ends_everything_within_seconds(up: Served) -> None:
    until(up.desk, submit(up.desk, "May"), "parked")  # its run lingers still
    family = up.family
    up.process.send_signal(signal.SIGINT)
    assert up.process.wait(15) == 0
    assert [one for one in family if one.is_running() and one.status() != psutil.STATUS_ZOMBIE] == []
    assert up.printed.read_text().endswith("Stopping ...\nEverything has ended.\n")


def no_database(workspace: Path) -> None:
    open_store(workspace).close()
    (workspace / "state" / "events.db").write_bytes(b"not a database" * 1000)


def skipped_because(address: str, sensor: str) -> str:
    """What the sensor's last tick said, once there is one."""
    selector = {"repositoryName": "__repository__", "repositoryLocationName": "agentos", "sensorName": sensor}
    query = {"query": TICKS, "variables": {"one": selector}}
    end = time.monotonic() + 60
    while True:
        answer = httpx.post(f"{address}/graphql", json=query, timeout=20).json()
        ticks = answer["data"]["sensorOrError"].get("sensorState", {}).get("ticks", [])
        if ticks and ticks[0]["skipReason"]:
            return str(ticks[0]["skipReason"])
        assert time.monotonic() < end, answer
        time.sleep(0.3)


@pytest.mark.slow
def test_a_database_that_is_none_is_served_stopped_with_what_to_do(tmp_path: Path) -> None:
    served = start(tmp_path, no_database)
    try:
        assert "STOPPED: the log is not what was written" in served.printed.read_text()
        for sensor in ("ready_tasks", "shown_tasks"):
            said = skipped_because(served.address, sensor)
            assert "not a database" in said
            assert "agentos restore" in said
        assert runs(served) == []
    finally:
        served.process.send_signal(signal.SIGINT)
        assert served.process.wait(20) == 0
