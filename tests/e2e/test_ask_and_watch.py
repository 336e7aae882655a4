"""An invoice nobody paid: asked about, told by the monitor, seen, taken back; in the terminal and in Dagster."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from agentos.clock import FixedClock
from agentos.platform import open_store
from agentos.tasks.answers import Desk
from agentos_assets.definitions import defs
from agentos_assets.resources import PlatformResource
from tests.fakes.business import Shop
from tests.fakes.terminal import Agentos


@pytest.fixture
def late(root: Path) -> Path:
    """The workspace, with an invoice that was issued long ago."""
    shop = Shop(root)
    shop.clock = FixedClock(datetime.now(UTC) - timedelta(days=40))

    async def issue() -> None:
        state = await shop.approve(await shop.run("Invoice Acme Studio 900 EUR for the workshop"))
        assert state.status == "completed"

    asyncio.run(issue())
    shop.close()
    return root


def test_asked_told_seen_and_taken_back(late: Path, agentos: Agentos) -> None:
    said = agentos("ask", "What does Acme owe?")
    assert said.code == 0
    assert "Acme Studio GmbH owes 1,071.00 EUR, on one invoice." in said.out
    assert "1,071.00 EUR of it is overdue" in " ".join(said.out.split())
    assert "agentos why invoices 2" in said.out
    german = agentos("ask", "Welche Rechnungen sind überfällig?", "--json").json
    assert german["answer"] == "Eine Rechnung ist überfällig: 1.071,00 EUR."
    assert german["rows"][0]["client"] == "acme-studio"
    assert german["as_of"]["seq"] >= max(german["rows"][0]["seqs"])
    shown = agentos("show", german["task"], "--full")
    assert "Eine Rechnung ist überfällig" in shown.out
    assert agentos("replay", german["task"]).code == 0

    found = agentos("monitor", "--json")
    assert found.code == 1
    (one,) = found.json["findings"]
    assert (one["kind"], one["status"], one["limit"]) == ("invoice.overdue", "opened", "14")
    assert one["seqs"]
    desk = agentos("desk")
    assert f"Invoice {one['thing']} is overdue by {one['seen']} days." in desk.out
    again = agentos("monitor")
    assert "told before" in again.out
    (card,) = agentos("desk", "--json").json
    full = agentos("show", card["card"]).out
    assert f"agentos why invoices {one['thing']}" in " ".join(full.split())
    assert "monitor.toml" in full
    assert agentos("replay", one["task"]).code == 0

    done = [
        json.loads(line)["data"]["effect"]
        for line in agentos("log", "--json", "--type", "effect.done").out.splitlines()
    ]
    (key,) = [key for key in done if key.startswith("invoice:")]
    assert agentos("undo", key, "--yes").code == 0
    over = agentos("monitor", "--json")
    assert (over.code, [one["status"] for one in over.json["findings"]]) == (0, ["over"])
    assert agentos("desk", "--json").json == []
    assert agentos("ask", "What does Acme owe?").out.startswith("Acme Studio GmbH owes nothing.")
    assert agentos("log", "check").code == 0


def test_a_question_that_nobody_understands_costs_nothing_and_does_nothing(root: Path, agentos: Agentos) -> None:
    said = agentos("ask", "Invoice Acme 300 EUR for the workshop")
    assert said.code == 0
    assert said.out.startswith("I don't know.")
    assert "What does Acme owe?" in said.out
    assert agentos("ask", "Invoice Acme 300 EUR for the workshop", "--json").json["understood"] is False


def test_run_answers_a_question_too(root: Path, agentos: Agentos) -> None:
    assert "Nobody owes you anything." in agentos("run", "Who owes me money?").out


def test_dagster_tells_it_once_and_holds_counts_only(late: Path) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        for expected in ({"opened": 1, "told": 0}, {"opened": 0, "told": 1}):
            job = defs().resolve_job_def("watch_business")
            result = job.execute_in_process(
                instance=instance, resources={"platform": PlatformResource(workspace=str(late))}
            )
            assert result.success
            (output,) = (e for e in result.all_events if e.event_type_value == "STEP_OUTPUT")
            metadata = output.step_output_data.metadata
            assert {name: metadata[name].value for name in expected} == expected
    store = open_store(late)
    desk = Desk(store)
    opened = [r.data["task"] for r in store.log.read(types=("task.opened",)) if r.data["trigger"] == "monitor"]
    assert [desk.load(task).status for task in opened] == ["open"]
    store.close()
