"""docs/runbook.md says what manifests, verbs and definitions say, and every one of them says something."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from agentos_assets.definitions import defs
from agentos_assets.operating import operating
from agentos_assets.runbook.entries import shell
from agentos_assets.runbook.gather import gathered
from agentos_assets.runbook.page import page
from tools import runbook_page as tool

ROOT = Path(__file__).resolve().parents[2]
TOLD = operating(outcome="Bills are paid.", failure_modes=["No bank: asks.", "Late: says so."], act="Look.")


def test_the_page_is_fresh() -> None:
    stale = "docs/runbook.md is stale: run python tools/runbook_page.py"
    assert (ROOT / "docs" / "runbook.md").read_text("utf-8") == tool.page(), stale


def test_every_part_says_its_outcome_failure_modes_unwinding_and_what_to_do() -> None:
    lacking = {f"{one.kind} {one.name}": one.lacks for one in gathered(defs()) if one.lacks}
    assert lacking == {}, "agents: Manifest; effects: Verb; sensor, schedule, job, check: metadata=operating(...)"


def test_every_kind_is_there() -> None:
    named = {(one.kind, one.name) for one in gathered(defs())}
    assert {("agent", "finance"), ("effect", "mail.send (by SMTP)"), ("sensor", "ready_tasks")} <= named
    assert ("job", "advance_tasks") in named
    assert not [name for _, name in named if name.startswith("__")]


@dg.asset
def bills() -> None: ...


@dg.asset_check(asset=bills, blocking=True, metadata=TOLD)
def whole() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=True)


@dg.job(metadata=TOLD)
def pay() -> None: ...


@dg.schedule(job=pay, cron_schedule="0 3 * * *", metadata=TOLD)
def nightly() -> None: ...


@dg.sensor(job_name="pay")
def untold() -> None: ...


def test_a_definition_added_later_appears_by_itself_and_is_missed_when_it_says_nothing() -> None:
    later = dg.Definitions(assets=[bills], asset_checks=[whole], jobs=[pay], schedules=[nightly], sensors=[untold])
    found = {one.name: one for one in shell(later)}
    assert found.keys() == {"untold", "nightly", "pay", "bills.whole"}
    assert found["untold"].lacks == ["outcome", "failure modes", "unwound", "how to act"]
    assert found["untold"].facts["starts"] == "`pay`"
    assert found["nightly"].failure_modes == ("No bank: asks.", "Late: says so.")
    assert all(not found[name].lacks for name in ("nightly", "pay", "bills.whole"))
    text = page("# Runbook\n", found.values(), {("job", "pay"): ["ran last night"]})
    assert "### nightly\n\nBills are paid.\n" in text
    assert "* when: `0 3 * * *` UTC" in text
    assert "* **now**: ran last night" in text


@pytest.mark.parametrize("kind", ["Agents", "Effects", "Sensors", "Jobs"])
def test_the_page_has_a_section_a_kind(kind: str) -> None:
    assert f"\n## {kind}\n" in tool.page()
