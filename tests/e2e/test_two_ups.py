"""Two workspaces served at once with the same `--port`: each gets a page of its own, which knows its own runs."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.e2e.served import Served, any_port, start, submit, until

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("up")]


def test_two_that_start_at_once_take_different_ports_and_each_page_shows_its_own_runs(tmp_path: Path) -> None:
    port = any_port()

    def up(name: str) -> Served:
        (tmp_path / name).mkdir()
        return start(tmp_path / name, port=port)

    with ThreadPoolExecutor() as pool:
        both = list(pool.map(up, ("one", "two")))
    try:
        assert len({served.address for served in both}) == 2
        for served in both:
            until(served.desk, submit(served.desk, "May"), "parked", within=120)
            assert len(served.statuses()) > 0
    finally:
        for served in both:
            served.end()
