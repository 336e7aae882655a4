"""Killed around a model call: what was answered and recorded is never asked or paid for again."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from agentos.platform import open_store
from tests.crash.stages import Stages
from tests.crash.tally import tally
from tests.fakes.openai_server import OpenAIServer, openai_server
from tests.fakes.writer import works

PRICE = Decimal("0.006")
"""US dollars for 1000 tokens in at 1 and 500 out at 10 a million."""


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with openai_server(works()) as opened:
        yield opened


@pytest.mark.parametrize(
    ("point", "asked", "lost"),
    [
        ("committed model.reserved:draft#1", 3, 1),
        ("after model small#1", 4, 1),
        ("committed model.called:draft#1", 3, 0),
        pytest.param("before model large#1", 3, 1, marks=pytest.mark.slow),
        pytest.param("insert model.settled:draft#1", 4, 1, marks=pytest.mark.slow),
        pytest.param("committed step.completed:draft#1", 3, 0, marks=pytest.mark.slow),
    ],
)
def test_a_recorded_answer_is_never_asked_for_again(
    stages: Stages, server: OpenAIServer, tmp_path: Path, point: str, asked: int, lost: int
) -> None:
    """A call in flight is asked once more, and what the dead worker had reserved for it counts as spent in full."""
    models = "\n".join(
        f'[[models.{tier}]]\nmodel = "{tier}-model"\nbase_url = "{server.base_url}"\napi_key_env = "MODEL_KEY"\n'
        "input_price = 1\noutput_price = 10\n"
        for tier in ("small", "large")
    )
    root = tmp_path / "w"
    job: dict[str, Any] = {"root": str(root), "trace": str(tmp_path / "t"), "environ": {"MODEL_KEY": "k"}}
    assert stages.nursery.run(acts=["make"], models=models, **job)[0] == 0
    code, result = stages.nursery.run(acts=["finish"], kill=point, **job)
    assert code == -signal.SIGKILL, result
    code, result = stages.nursery.run(acts=["finish"], **job)
    assert code == 0, result["error"]
    found = tally(root)
    assert found["log"]["task.completed"] == 1
    assert (found["log"]["model.called:draft"], found["log"]["model.called:check"]) == (2, 1)
    assert len(server.requests) == asked
    assert_paid(root, lost)


def assert_paid(root: Path, lost: int) -> None:
    store = open_store(root)
    reserved = {r.data["call"]: r.data for r in store.log.read(types=("model.reserved",))}
    settled = {r.data["call"]: r.data for r in store.log.read(types=("model.settled",))}
    store.close()
    assert reserved.keys() == settled.keys()
    assert sorted(data["why"] for data in settled.values()) == ["answered"] * 3 + ["lost"] * lost
    for call, data in settled.items():
        expected = PRICE if data["why"] == "answered" else Decimal(reserved[call]["cost"]["amount"])
        assert Decimal(data["cost"]["amount"]) == expected
