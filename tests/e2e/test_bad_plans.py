"""Whatever a model answers as a plan: nothing is done on it, and the operator gets one short question."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agentos.models import ModelRequest
from agentos.models.answers import extract
from agentos.tasks.answers import Desk
from agentos.tasks.state import TaskState
from graphs.opening import open_platform
from tests.fakes.business import Shop, asked
from tests.fakes.models import FakeModels

FREE = "Compare our three notes on heat pumps and collect what they say about noise at night"
LOOK = {"id": "look", "agent": "researcher", "inputs": {"topic": "noise"}, "needs": []}


def plan(*steps: dict[str, Any]) -> dict[str, Any]:
    return {"steps": list(steps), "reason": "because"}


async def planned(root: Path, answer: Any) -> tuple[Shop, TaskState, FakeModels]:
    """The task as far as it goes when the planner always gets this answer."""

    def says(request: ModelRequest) -> Any:
        return answer if request.system.startswith("Plan the goal") else "none"

    shop, models = Shop(root / "w"), FakeModels([says])
    shop.platform = open_platform(shop.root, clock=shop.clock, environ={}, models=models)
    shop.desk = Desk(shop.platform.store, clock=shop.clock)
    return shop, await shop.advance(shop.desk.submit(FREE)), models


REFUSED = {
    "thousands of steps": (plan(*({**LOOK, "id": f"s{n}"} for n in range(2000))), "maxItems"),
    "a cycle": (plan({**LOOK, "id": "a", "needs": ["b"]}, {**LOOK, "id": "b", "needs": ["a"]}), "no earlier step"),
    "a step that needs itself": (plan({**LOOK, "needs": ["look"]}), "no earlier step"),
    "thousands of needs": (plan({**LOOK, "needs": ["ghost"] * 5000}), "no earlier step"),
    "an unknown agent": (plan({**LOOK, "agent": "wizard"}), "no agent 'wizard'"),
    "the planner itself": (plan({**LOOK, "agent": "planner"}), "no agent 'planner'"),
    "an effects step of its own": (plan({**LOOK, "agent": "deliver"}), "no agent 'deliver'"),
    "a step that is not there": (plan({**LOOK, "inputs": {"topic": "$ghost.topic"}}), "names no slot"),
    "an input of a wrong type": (plan({**LOOK, "inputs": {"topic": {"a": 1}}}), "can't take this topic"),
    "no input": (plan({**LOOK, "inputs": {"topic": None}}), "can't take this topic"),
    "an endless nest": (plan({**LOOK, "inputs": {"topic": [[[[[["x"]]]]]]}}), "can't take this topic"),
    "the planner's own step": (plan({**LOOK, "id": "plan"}), "reserved"),
    "the coordinator's own step": (plan({**LOOK, "id": "intake"}), "reserved"),
    "what inputs refer to": (plan({**LOOK, "id": "intent"}), "reserved"),
    "an empty answer": ("", "no useful answer"),
    "a refusal": ("I can't help with that.", "no JSON object"),
    "no steps": ({"steps": None, "reason": "r"}, "$.steps"),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_a_plan_that_can_t_be_carried_out_becomes_a_question(tmp_path: Path, case: str) -> None:
    answer, why = REFUSED[case]
    shop, state, models = await planned(tmp_path, answer)
    card = asked(state)
    assert why in card.title
    assert len(card.title) < 400
    assert "send-invoice" in card.data["question"]["choices"]
    assert (state.plan, shop.outside(), shop.types("effect")) == (None, [], [])
    assert len(models.requests) <= 4
    assert max(len(request.prompt) for request in models.requests) < 60_000
    assert shop.intents() == [FREE]
    shop.close()


@pytest.mark.parametrize("depth", [300, 900, 5000])
def test_what_is_nested_deeper_than_the_log_can_keep_is_no_answer(depth: int) -> None:
    assert extract('{"topic": ' + "[" * depth + "]" * depth + "}") is None
