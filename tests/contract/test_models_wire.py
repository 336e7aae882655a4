"""The real client against a scripted server: order, fallback, placement, time, money, and that a key stays a secret."""

from __future__ import annotations

import json
import logging
import os
import random
import socket
import subprocess
import sys
import time
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from agentos.clock import FixedClock
from agentos.errors import AgentOSError, Missing
from agentos.models import (
    MemoryCache,
    ModelAnswerError,
    ModelPermanent,
    ModelRequest,
    Models,
    ModelTransient,
    UnknownPrice,
    try_call,
)
from agentos.money import Money
from agentos.outside import CircuitBreaker, Circuits
from agentos.workspace.model import ModelEndpoint, ModelSettings
from tests.fakes.openai_server import (
    OpenAIServer,
    closes_in_mid_answer,
    completion,
    fails,
    floods,
    hangs,
    openai_server,
    refuses_and_echoes,
    says,
    sends,
    trickles,
)

KEY = "sk-proj-vErySecret0123456789"
ENV = {"MODEL_KEY": KEY}
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
PLAIN = ModelRequest(tier="small", system="Be brief.", prompt="Hello?", max_tokens=50)
SCHEMA: dict[str, Any] = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
FILLED = PLAIN.model_copy(update={"json_schema": SCHEMA})


def endpoint(server: OpenAIServer | str, **settings: Any) -> ModelEndpoint:
    base_url = server if isinstance(server, str) else server.base_url
    known = {"input_price": "1", "output_price": "2", "timeout_seconds": 10, "api_key_env": "MODEL_KEY"}
    return ModelEndpoint(**{"model": "scripted", "base_url": base_url, **known, **settings})


def models(*small: ModelEndpoint, environ: Mapping[str, str] = ENV, **kwargs: Any) -> Models:
    async def no_sleep(_: float) -> None:
        return None

    kwargs = {"clock": FixedClock(NOW), "rng": random.Random(1), "sleep": no_sleep, **kwargs}
    return Models(ModelSettings(small=small), environ, **kwargs)


def unused_address() -> str:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{sock.getsockname()[1]}/v1"


async def test_usage_and_cost_to_the_last_digit() -> None:
    usage = {"prompt_tokens": 123, "completion_tokens": 7, "total_tokens": 130}
    with openai_server(says("Hi.", usage=usage)) as server:
        answer = await models(endpoint(server, input_price="0.15", output_price="0.60")).call(PLAIN)
    assert (answer.usage.input_tokens, answer.usage.output_tokens, answer.usage.estimated) == (123, 7, False)
    assert answer.cost == Money.of("0.00002265", "USD")
    assert answer.endpoint == server.base_url.removeprefix("http://").removesuffix("/v1")


async def test_usage_that_no_request_can_have_is_charged_at_the_bound_and_kept_beside_it() -> None:
    usage = {"prompt_tokens": 10**12, "completion_tokens": 10**12, "total_tokens": 2 * 10**12}
    with openai_server(says("Hi.", usage=usage)) as server:
        port = models(endpoint(server, input_price="10", output_price="10"))
        answer, estimate = await port.call(PLAIN), port.estimate(PLAIN)
    assert answer.cost == estimate.cost
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (estimate.input_tokens, estimate.output_tokens)
    assert (answer.usage.estimated, answer.usage.reported_tokens) == (True, 2 * 10**12)


@pytest.mark.parametrize(
    "usage", [None, {}, {"prompt_tokens": 0, "completion_tokens": 0}, {"prompt_tokens": -3, "completion_tokens": 4}]
)
async def test_usage_that_the_server_does_not_name_is_bounded_from_above_and_flagged(usage: object) -> None:
    with openai_server(says("Hi.", usage=usage)) as server:
        port = models(endpoint(server))
        answer = await port.call(PLAIN)
    assert answer.usage.estimated
    assert answer.usage.input_tokens == port.estimate(PLAIN).input_tokens
    assert answer.usage.output_tokens == 50
    assert answer.cost.amount > 0


async def test_what_is_sent() -> None:
    with openai_server(says('{"n": 1}')) as server:
        await models(endpoint(server, max_output_tokens=30)).call(FILLED)
    (seen,) = server.requests
    assert seen.path == "/v1/chat/completions"
    assert seen.headers["authorization"] == f"Bearer {KEY}"
    assert [m["role"] for m in seen.body["messages"]] == ["system", "user"]
    assert seen.body["temperature"] == 0
    assert seen.body["max_tokens"] == 30, "the endpoint's own limit is the lower one"
    assert not seen.body.get("stream")
    form = seen.body["response_format"]["json_schema"]
    assert form["strict"] is True
    assert form["schema"]["additionalProperties"] is False


async def test_a_schema_in_the_prompt_and_an_answer_in_a_fence() -> None:
    with openai_server(says('Here you are:\n```json\n{"n": 3}\n```\nAnything else?')) as server:
        answer = await models(endpoint(server, structured="prompt")).call(FILLED)
    assert answer.parsed == {"n": 3}
    (seen,) = server.requests
    assert "response_format" not in seen.body
    assert '"n"' in seen.body["messages"][0]["content"]


async def test_one_repair_with_the_reasons_and_both_requests_are_paid() -> None:
    with openai_server(says('{"n": "three"}'), says('{"n": 3}')) as server:
        answer = await models(endpoint(server)).call(FILLED)
    assert answer.parsed == {"n": 3}
    assert answer.attempts == 2
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (22, 14)
    assert answer.cost == Money.of("0.00005", "USD")
    said = [m["content"] for m in server.requests[1].body["messages"]]
    assert said[-2] == '{"n": "three"}'
    assert "$.n must satisfy type" in said[-1]


async def test_a_second_wrong_answer_ends_it() -> None:
    with openai_server(says('{"n": "three"}')) as server:
        port = models(endpoint(server))
        with pytest.raises(ModelAnswerError) as caught:
            await port.call(FILLED)
    assert len(server.requests) == 2
    assert caught.value.reasons == ('$.n must satisfy type: "integer"',)
    assert "three" not in str(caught.value)
    assert caught.value.attempts == 2


@pytest.mark.parametrize(
    "body",
    [
        b'{"choices": [{"message": {"content": "\xff\xfe"}}]}',
        b"<html>Please log in</html>",
        b"",
        b"[]",
        b"null",
        b'{"choices": []}',
        b'{"choices": [{"message": null}]}',
        b'{"choices": [{"message": {"content": 7}}]}',
        b'{"error": {"message": "upstream"}}',
        b"[" * 100_000,
    ],
    ids=["utf-8", "html", "empty", "list", "null", "no choices", "no message", "number", "error in 200", "deep"],
)
async def test_what_is_no_answer_is_a_typed_failure(body: bytes) -> None:
    with openai_server(sends(body)) as server, pytest.raises(ModelAnswerError) as caught:
        await models(endpoint(server)).call(PLAIN)
    assert caught.value.code == "model.garbled"
    assert caught.value.usage.estimated
    assert caught.value.cost.amount > 0


@pytest.mark.parametrize(
    "change", [{"choices": [{"message": {"content": "x"}, "finish_reason": {}}]}, {"usage": "lots"}]
)
async def test_odd_but_readable_bodies_never_escape_as_foreign_exceptions(change: dict[str, Any]) -> None:
    with openai_server(sends(json.dumps({**completion("Hi."), **change}).encode())) as server:
        try:
            answer = await models(endpoint(server)).call(PLAIN)
        except AgentOSError:
            return
    assert answer.text


async def test_lone_surrogates_become_text_that_can_be_stored() -> None:
    with openai_server(says("caf\ud83d!")) as server:
        answer = await models(endpoint(server)).call(PLAIN)
    assert answer.text == "caf\ufffd!"
    answer.model_dump_json()


async def test_two_500_then_an_answer() -> None:
    with openai_server(fails(500), fails(500), says("Hi.")) as server:
        answer = await models(endpoint(server)).call(PLAIN)
    assert (answer.text, answer.attempts) == ("Hi.", 3)
    assert answer.cost == Money.of("0.000025", "USD"), "what was turned away is not paid for"


async def test_a_short_retry_after_is_waited_for_and_a_long_one_is_not() -> None:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    with openai_server(fails(429, retry_after="1.5"), says("Hi.")) as server:
        await models(endpoint(server), sleep=sleep).call(PLAIN)
    assert waits == [1.5]
    with openai_server(fails(429, retry_after="Sun, 01 Mar 2026 12:05:00 GMT")) as server:
        with pytest.raises(ModelTransient) as caught:
            await models(endpoint(server), sleep=sleep).call(PLAIN)
        assert len(server.requests) == 1
    assert waits == [1.5]
    assert caught.value.retry_after == 300


async def test_the_next_endpoint_answers_when_the_first_is_down_or_busy() -> None:
    with openai_server(fails(503)) as busy, openai_server(says("Hi.")) as good:
        port = models(endpoint(unused_address(), model="a"), endpoint(busy, model="b"), endpoint(good, model="c"))
        answer = await port.call(PLAIN)
    assert answer.model == "c"
    assert answer.attempts == 7
    assert port.estimate(PLAIN).models == ("a", "b", "c")


async def test_when_nobody_answers_it_is_transient_and_says_who() -> None:
    address = unused_address()
    with openai_server(fails(503)) as busy, pytest.raises(ModelTransient) as caught:
        await models(endpoint(address), endpoint(busy)).call(PLAIN)
    assert not caught.value.sent
    assert caught.value.retry_after is None
    assert f"{address[7:-3]} could not be reached" in str(caught.value)
    assert "turned us away (503)" in str(caught.value)


async def test_an_open_circuit_is_passed_over_until_its_cool_down_is_over() -> None:
    clock, changes = FixedClock(NOW), []
    circuits = Circuits(
        default=CircuitBreaker(threshold=3, cool_down=30), on_change=lambda k, n, _: changes.append((k, n))
    )
    with openai_server(fails(500), fails(500), fails(500), says("I am back.")) as first, openai_server() as second:
        port = models(endpoint(first, model="a"), endpoint(second, model="b"), circuits=circuits, clock=clock)
        assert [(await port.call(PLAIN)).model for _ in range(2)] == ["b", "b"]
        assert len(first.requests) == 3
        clock.at = datetime(2026, 3, 1, 12, 1, tzinfo=UTC)
        assert (await port.call(PLAIN)).model == "a"
    key = f"models:{first.base_url[7:-3]}/a"
    assert changes == [(key, "opened"), (key, "closed")]


async def test_with_every_circuit_open_the_wait_is_named() -> None:
    address = unused_address()
    circuits = Circuits({f"models:{address[7:-3]}/scripted": CircuitBreaker(cool_down=45).opened(NOW)})
    with pytest.raises(ModelTransient) as caught:
        await models(endpoint(address), circuits=circuits).call(PLAIN)
    assert caught.value.retry_after == 45


@pytest.mark.parametrize("behaviour", [hangs(), trickles()], ids=["hangs", "trickles"])
async def test_the_whole_answer_must_be_there_in_time(behaviour: Any) -> None:
    with openai_server(behaviour) as server, openai_server() as other:
        started = time.monotonic()
        with pytest.raises(ModelTransient) as caught:
            await models(endpoint(server, timeout_seconds=0.4), endpoint(other)).call(PLAIN)
        assert time.monotonic() - started < 3
        assert other.requests == [], "a second answer would cost more than was reserved"
    assert caught.value.sent
    assert caught.value.code == "model.lost"


async def test_a_flood_is_cut_off() -> None:
    with openai_server(floods()) as server, pytest.raises(ModelAnswerError) as caught:
        await models(endpoint(server)).call(PLAIN)
    assert caught.value.code == "model.garbled"


async def test_a_lost_answer_of_a_free_model_costs_nothing_and_the_next_is_asked() -> None:
    with openai_server(closes_in_mid_answer()) as local, openai_server(says("Hi.")) as paid:
        free = endpoint(local, input_price=None, output_price=None, local=True)
        answer = await models(free, endpoint(paid)).call(PLAIN)
    assert (answer.text, answer.attempts) == ("Hi.", 2)
    assert answer.cost == Money.of("0.000025", "USD")


@pytest.mark.parametrize(
    "script",
    [
        [says('{"n": "x"}'), closes_in_mid_answer()],
        [closes_in_mid_answer()],
        [says('{"n": "x"}', usage=None)],
        [sends(b"?")],
        [fails(504)],
        [says("x" * 9000), says('{"n": 1}', usage=None)],
    ],
)
async def test_no_course_of_events_costs_more_than_the_estimate(script: list[Any]) -> None:
    with openai_server(*script) as first, openai_server(*script) as second:
        port = models(endpoint(first, output_price="70"), endpoint(second, model="other"))
        estimate = port.estimate(FILLED)
        try:
            spent: Any = await port.call(FILLED)
        except (ModelTransient, ModelAnswerError) as error:
            spent = error
    assert 0 < spent.cost.amount <= estimate.cost.amount
    assert spent.usage.input_tokens <= estimate.input_tokens
    assert spent.usage.output_tokens <= estimate.output_tokens
    asked = [r.body["messages"] for r in first.requests + second.requests]
    assert sum(len(json.dumps(m)) for m in asked) <= estimate.input_tokens


@pytest.mark.parametrize(
    ("status", "error", "code", "hint"),
    [
        (401, {}, "model.key", "environment variable MODEL_KEY"),
        (403, {}, "model.key", "environment variable MODEL_KEY"),
        (404, {"code": "model_not_found"}, "model.unknown", "[[models.small]]"),
        (400, {"code": "bad_schema"}, "model.request", 'structured = "prompt"'),
        (402, {}, "model.credit", "Top up"),
        (429, {"code": "insufficient_quota"}, "model.credit", "Top up"),
        (302, {}, "model.redirect", "base_url"),
    ],
)
async def test_a_no_is_permanent_and_says_where_to_look(
    status: int, error: dict[str, Any], code: str, hint: str
) -> None:
    with openai_server(fails(status, error)) as server, openai_server() as other:
        with pytest.raises(ModelPermanent) as caught:
            await models(endpoint(server), endpoint(other)).call(PLAIN)
        assert (len(server.requests), len(other.requests)) == (1, 0)
    assert caught.value.code == code
    assert hint in caught.value.hint
    assert caught.value.cost.amount == 0


async def test_a_redirect_is_not_followed() -> None:
    with openai_server() as elsewhere:
        location = f"{elsewhere.base_url}/chat/completions"
        with openai_server(fails(307, location=location)) as server, pytest.raises(ModelPermanent):
            await models(endpoint(server, local=True)).call(PLAIN.model_copy(update={"confidential": True}))
        assert elsewhere.requests == []


async def test_a_model_with_its_own_temperature_is_asked_without() -> None:
    no = fails(400, {"param": "temperature", "code": "unsupported_value"})
    with openai_server(no, says("Hi.")) as server:
        assert (await models(endpoint(server)).call(PLAIN)).text == "Hi."
    assert ["temperature" in r.body for r in server.requests] == [True, False]


@pytest.mark.parametrize("key", [KEY, "lowercase_only_key", "unauthorized"])
async def test_the_key_shows_nowhere(
    key: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    with openai_server(refuses_and_echoes()) as server:
        port = models(endpoint(server), environ={"MODEL_KEY": key})
        with pytest.raises(ModelPermanent) as caught:
            await port.call(PLAIN)
        tried = await try_call(endpoint(server), {"MODEL_KEY": key})
        assert server.requests[0].headers["authorization"] == f"Bearer {key}"
    told = "".join(traceback.format_exception(caught.value)) + repr(caught.value.__dict__) + tried.model_dump_json()
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    logged = "\n".join(r.getMessage() for r in caplog.records if not r.name.startswith("httpcore"))
    assert key not in told + logged + "".join(capfd.readouterr())
    assert key not in repr(port._candidates(PLAIN))


async def test_user_info_in_a_base_url_shows_nowhere() -> None:
    with openai_server(fails(500)) as server:
        url = server.base_url.replace("//", "//me:hunter2@")
        with pytest.raises(ModelTransient) as caught:
            await models(endpoint(url)).call(PLAIN)
    assert "hunter2" not in "".join(traceback.format_exception(caught.value))


async def test_a_local_model_is_asked_directly_whatever_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    with openai_server() as spy, openai_server(says("Hi.")) as server:
        for name in ("OPENAI_BASE_URL", "OPENAI_PROXY", "HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, spy.base_url)
        request = PLAIN.model_copy(update={"confidential": True})
        assert (await models(endpoint(server, local=True)).call(request)).text == "Hi."
        assert spy.requests == []


def test_prompts_are_not_traced_whatever_the_environment_says() -> None:
    """In a process of its own: langsmith reads its variables once. The first run shows that the spy would see it."""
    code = """if True:
        import asyncio, os, sys
        from agentos.models import ModelRequest, Models
        from agentos.workspace.model import ModelEndpoint, ModelSettings
        from langchain_core.runnables import RunnableLambda
        from langchain_core.tracers.langchain import wait_for_all_tracers

        if sys.argv[1] == "traced":
            RunnableLambda(lambda x: x).invoke("Hello?")
        else:
            endpoint = ModelEndpoint(model="m", base_url=sys.argv[2], local=True)
            request = ModelRequest(tier="small", system="", prompt="Hello?", confidential=True)
            print(asyncio.run(Models(ModelSettings(small=(endpoint,)), {}).call(request)).text)
        wait_for_all_tracers()
    """
    with openai_server() as spy, openai_server(says("Hi.")) as server:
        tracing = dict.fromkeys(("LANGSMITH_TRACING", "LANGSMITH_TRACING_V2", "LANGCHAIN_TRACING_V2"), "true")
        env = {**os.environ, **tracing, "LANGSMITH_API_KEY": "x", "LANGSMITH_ENDPOINT": spy.base_url}
        for mode in ("traced", "asked"):
            spy.requests.clear()
            done = subprocess.run(
                [sys.executable, "-c", code, mode, server.base_url],
                env=env,
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, done.stderr
            assert bool(spy.requests) == (mode == "traced")
    assert done.stdout == "Hi.\n"


async def test_confidential_work_goes_only_where_it_may() -> None:
    with openai_server() as cloud, openai_server(says("Between us.")) as home:
        settings = ModelSettings(small=(endpoint(cloud),), local=(endpoint(home, local=True),))
        port = Models(settings, ENV)
        assert port.available("small", confidential=True)
        answer = await port.call(PLAIN.model_copy(update={"confidential": True}))
        assert cloud.requests == []
        assert port.is_local("local")
        assert port.is_local("small", confidential=True)
        assert not port.is_local("small")
    assert answer.text == "Between us."


async def test_one_marked_local_without_an_address_is_not_believed() -> None:
    port = models(ModelEndpoint(model="gpt-4o-mini", local=True), environ={"OPENAI_API_KEY": KEY})
    with pytest.raises(ModelPermanent) as caught:
        await port.call(PLAIN.model_copy(update={"confidential": True}))
    assert caught.value.code == "model.placement"


async def test_the_same_question_is_paid_once_and_asked_of_the_same_model_only() -> None:
    cache = MemoryCache()
    with openai_server(says("Hi.")) as server:
        port = models(endpoint(server), cache=cache)
        first, second = await port.call(PLAIN), await port.call(PLAIN)
        assert len(server.requests) == 1
        assert (second.text, second.cached, second.attempts) == (first.text, True, 0)
        assert second.cost.amount == 0
        assert second.usage.input_tokens == 0
        await port.call(PLAIN.model_copy(update={"prompt": "Hello!"}))
        await port.call(PLAIN.model_copy(update={"temperature": 1.0}))
        await models(endpoint(server, model="other"), cache=cache).call(PLAIN)
        assert len(server.requests) == 4


async def test_a_bad_answer_is_not_cached() -> None:
    with openai_server(says(""), says("Hi.")) as server:
        port = models(endpoint(server), cache=MemoryCache())
        with pytest.raises(ModelAnswerError):
            await port.call(PLAIN)
        assert (await port.call(PLAIN)).text == "Hi."


async def test_a_missing_key_is_a_question_and_an_unknown_price_stops() -> None:
    address = unused_address()
    port = models(endpoint(address), environ={})
    assert not port.available("small")
    with pytest.raises(Missing) as missing:
        await port.call(PLAIN)
    assert "MODEL_KEY" in str(missing.value)
    with pytest.raises(UnknownPrice) as unknown:
        models(endpoint(address, output_price=None)).estimate(PLAIN)
    assert "[[models.small]]" in str(unknown.value)
    assert "input_price =" in str(unknown.value)
    with pytest.raises(Missing, match=r"models\.small"):
        models().estimate(PLAIN)


async def test_trying_an_endpoint_says_what_is_wrong_in_a_sentence() -> None:
    with openai_server(says("OK")) as server:
        tried = await try_call(endpoint(server), ENV)
        assert (tried.ok, tried.hint, tried.cost) == (True, "", Money.of("0.000025", "USD"))
        unpriced = await try_call(endpoint(server, input_price=None), ENV)
        assert (unpriced.ok, unpriced.cost) == (True, None)
        assert "input_price" in unpriced.hint
    with openai_server(fails(404)) as server:
        tried = await try_call(endpoint(server, api_key_env=None), {})
    assert not tried.ok
    assert "does not know scripted" in tried.sentence
    tried = await try_call(endpoint(unused_address()), ENV)
    assert (tried.ok, "could not be reached" in tried.sentence) == (False, True)
    assert not (await try_call(endpoint(unused_address()), {})).ok


def test_nothing_heavy_is_imported_before_a_call() -> None:
    code = (
        "import sys, agentos.models, agentos.outside;"
        "from agentos.workspace.model import *; from agentos.models import *;"
        "e = ModelEndpoint(model='gpt-4o-mini');"
        "m = Models(ModelSettings(small=(e,)), {'OPENAI_API_KEY': 'x'});"
        "print(m.estimate(ModelRequest(tier='small', system='', prompt='x')).cost.amount > 0,"
        " [n for n in ('langchain_openai', 'langchain_core', 'openai', 'jsonschema') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "True []\n"
