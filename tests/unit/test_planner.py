"""The planner's answer is input from outside: what does not fit the agents goes back."""

from __future__ import annotations

from typing import Any

import pytest

from agentos.agent import Question, Semantic
from agents.planner import Agent, Request, Result, run
from tests.fakes.kit import FakeKit

AGENTS = [
    Agent(
        role="researcher",
        outcome="finds",
        request_schema={"properties": {"topic": {}}, "required": ["topic"]},
        result_fields=["passages"],
    ),
    Agent(
        role="drafter",
        outcome="writes",
        request_schema={"properties": {"topic": {}, "passages": {}}, "required": ["topic", "passages"]},
        result_fields=["markdown"],
    ),
]
RESEARCH = {"id": "research", "agent": "researcher", "inputs": {"topic": "$slots.topic"}}
DRAFT = {
    "id": "draft",
    "agent": "drafter",
    "inputs": {"topic": "$slots.topic", "passages": "$research.passages"},
    "needs": ["research"],
}


async def plan(*steps: dict[str, Any]) -> Result:
    kit = FakeKit(tier="large", answers_of_model=[{"steps": list(steps), "reason": "because"}])
    return await run(Request(goal="write about pumps", slots={"topic": "pumps"}, agents=AGENTS), kit)


async def test_a_fitting_plan_is_handed_on() -> None:
    assert [step.agent for step in (await plan(RESEARCH, DRAFT)).steps] == ["researcher", "drafter"]


@pytest.mark.parametrize(
    ("steps", "why"),
    [
        ([RESEARCH, RESEARCH], "twice"),
        ([{**RESEARCH, "agent": "banker"}], "no agent"),
        ([{**RESEARCH, "inputs": {"topic": "x", "shell": "rm"}}], "no input"),
        ([{**RESEARCH, "inputs": {}}], "needs the input"),
        ([DRAFT, RESEARCH], "no earlier step"),
        ([RESEARCH, {**DRAFT, "needs": []}], "names no slot"),
        (
            [RESEARCH, {**DRAFT, "inputs": {"topic": "$slots.secret", "passages": "$research.passages"}}],
            "names no slot",
        ),
        ([{**RESEARCH, "id": f"s{n}"} for n in range(13)], "does not fit"),
        ([{**RESEARCH, "id": "../x"}], "does not fit"),
        ([], "does not fit"),
    ],
)
async def test_a_plan_that_does_not_fit_goes_back(steps: list[dict[str, Any]], why: str) -> None:
    with pytest.raises(Semantic, match=why):
        await plan(*steps)


async def test_without_a_model_it_asks_which_workflow_is_meant() -> None:
    with pytest.raises(Question) as asked:
        await run(Request(goal="do things", agents=AGENTS, workflows=["a", "b"]), FakeKit())
    assert (asked.value.slot, asked.value.choices) == ("workflow", ("a", "b"))
