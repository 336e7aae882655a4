"""Who has only the address of Dagster's page finds, by clicking on what is to be seen: why a task is parked, what a
client owes, what yesterday cost, which check failed and what was done about it."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agentos.ids import short
from agentos.platform import open_store
from agentos.tasks.state import TaskState
from agentos.views.read import read_view
from desk.simulation.agenda import ZONE
from tests.e2e.served import Served, eventually, start, submit, until
from tests.fakes.simulated import simulated

pytestmark = [pytest.mark.slow, pytest.mark.browser, pytest.mark.xdist_group("up")]
DAYS = 12
PATIENCE = 120_000
"""Milliseconds: a run of the views on a busy machine."""


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    served = start(tmp_path_factory.mktemp("newcomer"), with_history)
    yield served
    served.end()


def with_history(workspace: Path) -> None:
    shutil.rmtree(workspace)
    simulated(workspace, first=datetime.now(ZONE).date() - timedelta(days=DAYS), days=DAYS)


def click(page: Any, text: str) -> None:
    """The first link with these words. In the catalogue Dagster writes a name twice, to shorten it in the middle."""
    page.locator("a").filter(has_text=text).first.click(timeout=PATIENCE)


def press(page: Any, text: str) -> None:
    page.locator("button").filter(has_text=re.compile(f"^{re.escape(text)}$")).first.click(timeout=PATIENCE)


def glance(up: Served, page: Any, heading: str) -> str:
    """What stands beside a heading at a glance: two clicks from the front page."""
    page.goto(up.address)
    click(page, "Catalog")
    page.get_by_text("Start here").wait_for(timeout=PATIENCE)
    click(page, "at_a_glance")
    row = page.get_by_role("row").filter(has_text=heading)
    row.locator(".dagster-markdown").first.wait_for(timeout=PATIENCE)
    return str(row.first.inner_text())


def told(up: Served, page: Any, heading: str, *words: str) -> str:
    """The same, once these words stand there: what has just happened is seen within a minute."""
    found = [""]

    def stands() -> bool:
        found[0] = glance(up, page, heading)
        return all(word in found[0] for word in words)

    eventually(stands, within=180)
    return found[0]


def test_why_a_task_is_parked_and_what_to_do(up: Served, page: Any, pictures: Path) -> None:
    task = submit(up.desk, "March")
    (card,) = until(up.desk, task, "parked").open_cards()
    told(up, page, "why tasks are parked", short(task), "your approval")
    click(page, short(task))
    page.get_by_text("it waits for your approval").wait_for(timeout=PATIENCE)
    assert page.get_by_text(f"agentos approve {short(card.id)}").is_visible()


def test_what_a_client_owes_and_what_yesterday_cost(up: Served, page: Any, pictures: Path) -> None:
    said = glance(up, page, "what clients owe")
    owing = read_view(up.workspace, "receivables").sort("open", descending=True)
    assert re.search(rf"{owing['client'][0]}\s+{owing['open'][0]:.2f}", said)
    page.set_viewport_size({"width": 1440, "height": 1440})
    page.wait_for_timeout(5000)  # until nothing is drawn grey any more
    page.screenshot(path=pictures / "dagster-glance.png")
    assert re.search(r"yesterday\s+\d+\.\d\d", glance(up, page, "what yesterday cost"))
    click(page, "receivables")
    page.get_by_text("what each client owes").wait_for(timeout=PATIENCE)


def test_which_check_failed_and_what_was_done_about_it(up: Served, page: Any, pictures: Path) -> None:
    delete_a_post(up.workspace)
    look(up, page, "Failed")
    page.get_by_text("what was done is gone").wait_for(timeout=PATIENCE)
    repair = repair_of(up)
    (card,) = repair.open_cards()
    look(up, page, "Failed")
    page.get_by_text(f"agentos approve {short(card.id)}").wait_for(timeout=PATIENCE)
    page.screenshot(path=pictures / "dagster-check.png", clip={"x": 0, "y": 0, "width": 1440, "height": 640})

    told(up, page, "which checks failed", "effects: site", short(card.id))
    click(page, "effects: site")
    click(page, short(repair.id))
    page.get_by_text("it waits for your approval").wait_for(timeout=PATIENCE)

    up.desk.approve(card.id)
    until(up.desk, repair.id, "completed")
    look(up, page, "Passed")
    page.get_by_text("what was done is gone, found").wait_for(timeout=PATIENCE)
    press(page, "Execution history")
    results = page.get_by_role("row")
    eventually(lambda: {"Passed", "Failed"} <= set(re.findall("Passed|Failed", " ".join(results.all_inner_texts()))))
    told(up, page, "which checks failed", "None.")
    told(up, page, "what was done about it", "site: missing", "repaired", short(repair.id))


def delete_a_post(workspace: Path) -> None:
    """As her hand would: the file, and a commit."""
    site = workspace / "site"
    next((site / "content" / "posts").glob("*.md")).unlink()
    who = ["-c", "user.name=Petra", "-c", "user.email=p@example.test"]
    subprocess.run(["git", "-C", str(site), *who, "commit", "-qam", "I don't want it"], check=True)


def look(up: Served, page: Any, result: str) -> None:
    """Press the check's own button, from the front page, and wait for what comes of it."""
    page.goto(up.address)
    click(page, "Catalog")
    click(page, "effects")
    click(page, "Checks")
    page.get_by_text("site", exact=True).locator("visible=true").first.click(timeout=PATIENCE)
    before = len(runs_of_checks(up))
    press(page, "Execute")
    eventually(lambda: len(runs_of_checks(up)) > before and set(runs_of_checks(up)) == {"SUCCESS"}, within=180)
    page.reload()
    page.get_by_text("Evaluation result").wait_for(timeout=PATIENCE)
    page.get_by_text(result, exact=True).locator("visible=true").first.wait_for(timeout=PATIENCE)


RUNS = "{runsOrError(limit: 50) {... on Runs {results {status assetCheckSelection {name}}}}}"


def runs_of_checks(up: Served) -> list[str]:
    """Status of each run that looks at the site alone."""
    found = up.ask(RUNS)["runsOrError"]["results"]
    return [run["status"] for run in found if [one["name"] for one in run["assetCheckSelection"] or ()] == ["site"]]


def repair_of(up: Served) -> TaskState:
    """The repair task, once it has its card."""
    store = open_store(up.workspace)
    (opened,) = store.log.read(types=("repair.opened",))
    store.close()
    return until(up.desk, str(opened.data["task"]), "parked")
