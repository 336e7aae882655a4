"""A busy morning under `agentos up`: two hundred intents at once, all taken up, and the page answers all the while.

`pytest -s` prints how long it took; the figures of a quiet machine stand in docs/performance.md.
"""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

import pytest

from agentos.tasks.answers import Desk
from agentos.tasks.state import TaskState
from tests.e2e.served import Served, start

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("up")]
INTENTS = 200
PAGE = "{runsOrError(limit: 20) {... on Runs {results {runId status}}} assetNodes {id}}"


def test_two_hundred_invoices_that_policy_allows_are_issued_while_the_page_answers(tmp_path: Path) -> None:
    up = start(tmp_path, allowing)
    try:
        tasks = told_at_once(up, 100, "completed")
        numbers = [number for task in tasks for number in numbers_of(up.desk.load(task))]
        assert len(numbers) == len(set(numbers)) == INTENTS
        assert max(numbers) == INTENTS, "without a gap"
    finally:
        up.end()


def test_two_hundred_cards_lie_on_the_desk_while_the_page_answers(tmp_path: Path) -> None:
    up = start(tmp_path)
    try:
        tasks = told_at_once(up, 1000, "parked")
        assert all(len(up.desk.load(task).open_cards()) == 1 for task in tasks)
    finally:
        up.end()


def allowing(workspace: Path) -> None:
    policy = workspace / "policy.toml"
    said = policy.read_text().replace('below = "500.00"', 'below = "1000000.00"')
    policy.write_text(said.replace("look_alikes = true", "look_alikes = false"))


def told_at_once(up: Served, least: int, end: str) -> list[str]:
    """The tasks, once all of them have come to `end`: an invoice each, of `least` EUR and more."""
    began = time.monotonic()
    tasks = [up.desk.submit(f"Invoice Acme Studio {least + n} EUR for the workshop") for n in range(INTENTS)]
    answers = looked_at_until_all_rest(up, tasks)
    took = time.monotonic() - began
    assert Counter(up.desk.load(task).status for task in tasks) == {end: INTENTS}
    assert len(up.statuses()) < INTENTS / 10, "one run takes up many"
    worst = sorted(answers)[int(len(answers) * 0.95)]
    print(f"\n{INTENTS} intents {end} after {took:.0f} s; {len(answers)} looks at it, 95 % within {worst:.2f} s")
    return tasks


def numbers_of(state: TaskState) -> list[int]:
    receipts = [effect.receipt for key, effect in state.effects.items() if key.startswith("invoice:")]
    return [int(receipt["data"]["number"].rpartition("-")[2]) for receipt in receipts if receipt is not None]


def looked_at_until_all_rest(up: Served, tasks: list[str]) -> list[float]:
    """Seconds that each look at the page took, a look a second."""
    desk, left, answers = Desk(up.desk.store), set(tasks), []
    until = time.monotonic() + 600
    while left:
        assert time.monotonic() < until, f"{len(left)} are left"
        began = time.monotonic()
        assert up.ask(PAGE)["runsOrError"]["results"] is not None
        answers.append(time.monotonic() - began)
        left = {task for task in left if desk.load(task).status not in ("parked", "completed", "failed")}
        time.sleep(1)
    return answers
