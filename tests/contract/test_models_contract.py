"""What every ModelPort keeps: the scripted fake and the real client over a real wire pass the same suite."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from agentos.models import (
    ModelAnswerError,
    ModelPermanent,
    ModelPort,
    ModelRequest,
    Models,
    ModelTransient,
)
from agentos.workspace.model import ModelEndpoint, ModelSettings
from tests.fakes.models import FakeModels
from tests.fakes.openai_server import closes_in_mid_answer, fails, openai_server, says

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"title": {"type": "string"}, "stars": {"type": "integer"}},
    "required": ["title", "stars"],
    "additionalProperties": False,
}
GOOD = {"title": "Heat pumps", "stars": 4}

PLAIN = ModelRequest(tier="small", system="Be brief.", prompt="Hello?", max_tokens=50)
FILLED = PLAIN.model_copy(update={"json_schema": SCHEMA})

Make = Callable[[str], ModelPort]

FAKE: dict[str, Callable[[FakeModels], Any]] = {
    "text": lambda _: "Good day.",
    "object": lambda _: GOOD,
    "wrong": lambda _: {"title": "Heat pumps", "stars": "many"},
    "refusal": lambda fake: fake.rejection("model.refused"),
    "empty": lambda _: " ",
    "cut off": lambda fake: fake.rejection("model.truncated"),
    "busy": lambda _: ModelTransient("No model answered: fake turned us away.", retry_after=90, hint="Later."),
    "lost": lambda fake: fake.lost(),
    "wrong key": lambda _: ModelPermanent("fake does not accept our key.", code="model.key", hint="Check it."),
}
WIRE = {
    "text": says("Good day."),
    "object": says('{"title": "Heat pumps", "stars": 4}'),
    "wrong": says('{"title": "Heat pumps", "stars": "many"}'),
    "refusal": says(None, refusal="I can't help with that."),
    "empty": says(""),
    "cut off": says("This never comes to an", finish="length"),
    "busy": fails(429, retry_after="90"),
    "lost": closes_in_mid_answer(),
    "wrong key": fails(401, {"code": "invalid_api_key"}),
}


@pytest.fixture(params=["fake", "wire"])
def make(request: pytest.FixtureRequest) -> Iterator[Make]:
    with ExitStack() as stack:

        def fake(scene: str) -> ModelPort:
            models = FakeModels(tiers=("small", "large"))
            models._script = [FAKE[scene](models)]
            return models

        def wire(scene: str) -> ModelPort:
            server = stack.enter_context(openai_server(WIRE[scene]))
            endpoint = ModelEndpoint(
                model="scripted", base_url=server.base_url, input_price=1, output_price=2, timeout_seconds=10
            )
            return Models(ModelSettings(small=(endpoint,), large=(endpoint,)), {})

        yield fake if request.param == "fake" else wire


async def test_text(make: Make) -> None:
    models = make("text")
    answer = await models.call(PLAIN)
    assert answer.text == "Good day."
    assert answer.parsed is None
    assert answer.model
    assert "://" not in answer.endpoint
    assert (answer.cached, answer.attempts) == (False, 1)
    assert not answer.usage.estimated


async def test_an_object_that_honours_the_schema(make: Make) -> None:
    assert (await make("object").call(FILLED)).parsed == GOOD


@pytest.mark.parametrize(
    ("scene", "request_", "code"),
    [
        ("wrong", FILLED, "model.schema"),
        ("text", FILLED, "model.schema"),
        ("refusal", PLAIN, "model.refused"),
        ("refusal", FILLED, "model.refused"),
        ("empty", PLAIN, "model.empty"),
        ("cut off", PLAIN, "model.truncated"),
        ("cut off", FILLED, "model.truncated"),
    ],
)
async def test_a_useless_answer_is_a_typed_failure_that_was_paid_for(
    make: Make, scene: str, request_: ModelRequest, code: str
) -> None:
    models = make(scene)
    with pytest.raises(ModelAnswerError) as caught:
        await models.call(request_)
    assert caught.value.code == code
    assert caught.value.hint
    assert caught.value.usage.output_tokens > 0
    assert 0 < caught.value.cost.amount <= models.estimate(request_).cost.amount


async def test_busy_names_when_to_come_back_and_costs_nothing(make: Make) -> None:
    with pytest.raises(ModelTransient) as caught:
        await make("busy").call(PLAIN)
    assert caught.value.retry_after == pytest.approx(90)
    assert not caught.value.sent
    assert caught.value.cost.amount == 0


async def test_a_lost_answer_says_so_and_counts_as_spent(make: Make) -> None:
    models = make("lost")
    with pytest.raises(ModelTransient) as caught:
        await models.call(PLAIN)
    assert caught.value.sent
    assert caught.value.usage.estimated
    assert 0 < caught.value.cost.amount <= models.estimate(PLAIN).cost.amount


async def test_a_wrong_key_is_permanent(make: Make) -> None:
    with pytest.raises(ModelPermanent) as caught:
        await make("wrong key").call(PLAIN)
    assert caught.value.code == "model.key"
    assert caught.value.hint


async def test_confidential_work_is_refused_where_no_model_is_local(make: Make) -> None:
    models = make("text")
    request = PLAIN.model_copy(update={"confidential": True})
    assert models.available("small")
    assert not models.available("small", confidential=True)
    with pytest.raises(ModelPermanent) as caught:
        models.estimate(request)
    assert caught.value.code == "model.placement"
    with pytest.raises(ModelPermanent) as caught:
        await models.call(request)
    assert caught.value.code == "model.placement"


@pytest.mark.parametrize("request_", [PLAIN, FILLED])
async def test_a_call_stays_within_its_estimate(make: Make, request_: ModelRequest) -> None:
    models = make("object")
    estimate = models.estimate(request_)
    answer = await models.call(request_)
    assert answer.cost <= estimate.cost
    assert answer.usage.input_tokens <= estimate.input_tokens
    assert answer.usage.output_tokens <= estimate.output_tokens
