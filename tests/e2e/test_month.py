"""A month of history under another policy, as the operator starts it: by the asset's own dialog in Dagster's page."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.served import Served, eventually, start
from tests.fakes.simulated import simulated

pytestmark = [pytest.mark.slow, pytest.mark.browser, pytest.mark.xdist_group("up")]
FIRST, DAYS = date(2026, 10, 28), 31
CONFIG = "ops:\n  what_if:\n    config:\n      policy: strict.toml\n"
BACKFILLS = "{partitionBackfillsOrError {... on PartitionBackfills {results {id status numPartitions}}}}"


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    served = start(tmp_path_factory.mktemp("month"), with_a_month)
    yield served
    served.end()


def with_a_month(workspace: Path) -> None:
    shutil.rmtree(workspace)
    simulated(workspace, first=FIRST, days=DAYS)
    policy = (workspace / "policy.toml").read_text()
    (workspace / "strict.toml").write_text(policy.replace('autonomy = "allow"', 'autonomy = "ask"'))


def test_a_month_is_replayed_under_another_policy_from_the_page(up: Served, page: Any, pictures: Path) -> None:
    launch(up, page)
    eventually(lambda: [one["status"] for one in backfills(up)] == ["COMPLETED_SUCCESS"], within=600)
    (backfill,) = backfills(up)
    assert backfill["numPartitions"] == DAYS
    page.goto(f"{up.address}/runs/b/{backfill['id']}")
    page.get_by_text("100% completed").wait_for(timeout=60_000)
    page.screenshot(path=pictures / "dagster-backfill.png", clip={"x": 0, "y": 0, "width": 1440, "height": 320})
    page.goto(f"{up.address}/assets/what_if?view=events")
    page.get_by_text("interruptions").first.wait_for(timeout=60_000)
    page.screenshot(path=pictures / "dagster-what-if.png")
    said = page.get_by_text("effects allowed").first.locator("xpath=ancestor::tr[1]").inner_text().split()
    assert int(said[-2]) > 0, "then, some went ahead without asking"
    assert int(said[-1]) == 0, "under a policy that always asks, none does"


def launch(up: Served, page: Any) -> None:
    page.goto(f"{up.address}/assets/what_if")
    page.get_by_role("button", name="Materialize").first.click(timeout=60_000)
    unsealed, everything = (
        page.get_by_role("button", name="Confirm"),
        page.get_by_role("button", name="All", exact=True),
    )
    unsealed.or_(everything).first.wait_for(timeout=60_000)
    if unsealed.count():  # its days are not sealed yet: that may wait
        unsealed.click()
    everything.click()
    page.get_by_role("dialog").get_by_text("Config", exact=True).click()
    page.get_by_text("Add config").click()
    page.locator(".CodeMirror").last.click()
    page.keyboard.press("Control+a")
    page.keyboard.insert_text(CONFIG)
    page.get_by_text("No errors").wait_for()
    page.get_by_role("button", name="Save config").click()
    page.get_by_role("button", name="Launch backfill").click()
    page.get_by_text("Created backfill").wait_for(timeout=60_000)


def backfills(up: Served) -> list[dict[str, Any]]:
    return list(up.ask(BACKFILLS)["partitionBackfillsOrError"]["results"])
