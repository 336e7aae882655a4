"""A real model over the wire. Its prose is poor (135 million parameters), so the wire is what is asserted."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from agentos.errors import AgentOSError
from agentos.models import (
    MemoryCache,
    ModelAnswer,
    ModelAnswerError,
    ModelRequest,
    Models,
    ModelTransient,
    try_call,
)
from agentos.workspace.model import ModelEndpoint, ModelSettings

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"warm": {"type": "boolean"}},
    "required": ["warm"],
    "additionalProperties": False,
}
LONG = "Write a very long story about a heat pump in an old house."


@contextmanager
def served() -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The server's process and its base_url."""
    script = Path(__file__).with_name("real_model_server.py")
    process = subprocess.Popen(
        [sys.executable, str(script)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        assert address.startswith("http://127.0.0.1:"), f"the server did not start: {address!r}"
        yield process, f"{address}/v1"
    finally:
        process.kill()
        process.communicate()


@pytest.fixture(scope="module")
def base_url() -> Iterator[str]:
    with served() as (_, url):
        yield url


def models(url: str, **settings: Any) -> Models:
    endpoint = ModelEndpoint(**{"model": "smollm2", "base_url": url, "local": True, "timeout_seconds": 120, **settings})
    return Models(ModelSettings(local=(endpoint,)), {}, cache=MemoryCache())


def request(prompt: str, **fields: Any) -> ModelRequest:
    return ModelRequest(
        **{"tier": "local", "system": "You are brief.", "prompt": prompt, "confidential": True, **fields}
    )


async def outcome(port: Models, asked: ModelRequest) -> ModelAnswer | ModelAnswerError:
    """Either is fine as to its words; nothing else may come."""
    try:
        return await port.call(asked)
    except ModelAnswerError as error:
        return error


async def test_an_answer_with_the_servers_own_count_of_tokens(base_url: str) -> None:
    port, asked = models(base_url), request("Say hello.", max_tokens=24)
    answer = await outcome(port, asked)
    if isinstance(answer, ModelAnswer):
        assert answer.text.strip()
    else:
        assert answer.code == "model.truncated"
    assert not answer.usage.estimated
    assert 0 < answer.usage.input_tokens <= port.estimate(asked).input_tokens
    assert 0 < answer.usage.output_tokens <= 24
    assert answer.cost.amount == 0


async def test_an_answer_without_end_is_cut_off_at_its_length(base_url: str) -> None:
    with pytest.raises(ModelAnswerError) as caught:
        await models(base_url).call(request(LONG, max_tokens=8))
    assert caught.value.code == "model.truncated"
    assert caught.value.usage.output_tokens == 8


@pytest.mark.parametrize("structured", ["json_schema", "prompt"])
async def test_the_schema_is_honoured_or_the_failure_is_typed(base_url: str, structured: str) -> None:
    asked = request('Is 30 degrees warm? Answer {"warm": true} or {"warm": false}.', json_schema=SCHEMA, max_tokens=40)
    answer = await outcome(models(base_url, structured=structured), asked)
    assert answer.usage.output_tokens > 0
    if isinstance(answer, ModelAnswer):
        assert answer.parsed is not None
        assert isinstance(answer.parsed["warm"], bool)
    else:
        assert answer.code in ("model.schema", "model.truncated", "model.empty")
        assert answer.reasons


async def test_too_slow_is_lost_and_the_server_lives_on(base_url: str) -> None:
    started = time.monotonic()
    with pytest.raises(ModelTransient) as caught:
        await models(base_url, timeout_seconds=0.3).call(request(LONG, max_tokens=1500))
    assert time.monotonic() - started < 5
    assert caught.value.sent
    tried = await try_call(ModelEndpoint(model="smollm2", base_url=base_url, local=True), {})
    assert tried.ok, tried.sentence
    assert tried.usage is not None


async def test_a_prompt_beyond_the_context_is_permanent_or_typed_never_foreign(base_url: str) -> None:
    with pytest.raises(AgentOSError) as caught:
        await models(base_url).call(request("heat pump " * 4000, max_tokens=8))
    assert caught.value.code == "model.request"
    assert caught.value.hint


async def test_a_server_killed_in_mid_answer_then_gone() -> None:
    with served() as (process, url):
        port = models(url)
        tried = await try_call(ModelEndpoint(model="smollm2", base_url=url, local=True), {})
        assert tried.ok, "the client is imported and the server is up, so what follows is the answer's own time"
        call = asyncio.create_task(port.call(request(LONG, max_tokens=1500)))
        await asyncio.sleep(0.8)
        assert not call.done(), "it was to be in mid-answer"
        process.kill()
        with pytest.raises(ModelTransient) as lost:
            await call
        assert lost.value.sent
        assert lost.value.code == "model.lost"
        with pytest.raises(ModelTransient) as gone:
            await port.call(request(LONG, max_tokens=1500))
    assert not gone.value.sent
    assert "could not be reached" in str(gone.value)
