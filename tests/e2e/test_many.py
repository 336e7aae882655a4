"""A busy morning under `agentos up`: two hundred intents at once, all taken up, and the page answers all the while.

`pytest -s` prints how long it took; the figures of a quiet machine stand in docs/performance.md.
"""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

import pytest

from agentos.tasks.answers import Desk
from tests.e2e.served import Served, start

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("up")]
INTENTS = 200
PAGE = "{runsOrError(limit: 20) {... on Runs {results {runId status}}} assetNodes {id}}"


def test_two_hundred_intents_are_taken_up_while_the_page_answers(tmp_path: Path) -> None:
    up = start(tmp_path)
    try:
        began = time.monotonic()
        tasks = [up.desk.submit(f"Invoice Acme Studio {100 + n} EUR for workshop number {n}") for n in range(INTENTS)]
        answers = looked_at_until_all_rest(up, tasks)
        took = time.monotonic() - began
        states = [up.desk.load(task) for task in tasks]
        assert Counter(state.status for state in states) == {"parked": INTENTS}
        assert all(len(state.open_cards()) == 1 for state in states)
        assert len(up.statuses()) < INTENTS / 10, "one run takes up many"
        worst = sorted(answers)[int(len(answers) * 0.95)]
        print(f"\n{INTENTS} intents at rest after {took:.0f} s; {len(answers)} looks at it, 95 % within {worst:.2f} s")
    finally:
        up.end()


def looked_at_until_all_rest(up: Served, tasks: list[str]) -> list[float]:
    """Seconds that each look at the page took, a look a second."""
    desk, left, answers = Desk(up.desk.store), set(tasks), []
    end = time.monotonic() + 600
    while left:
        assert time.monotonic() < end, f"{len(left)} are left"
        began = time.monotonic()
        assert up.ask(PAGE)["runsOrError"]["results"] is not None
        answers.append(time.monotonic() - began)
        left = {task for task in left if desk.load(task).status != "parked"}
        time.sleep(1)
    return answers
