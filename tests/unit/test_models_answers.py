"""Requests as values, and what an answer is worth: extraction, validation, strict schemas, bounds."""

from __future__ import annotations

import json
import socket
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from pydantic import BaseModel, ValidationError
from referencing.exceptions import Unresolvable

from agentos.models import ModelRequest
from agentos.models.answers import (
    Accepted,
    Rejected,
    extract,
    judge,
    most_repair_tokens,
    most_tokens,
    opening,
    repair,
    violations,
)
from agentos.models.exchange import Reply
from agentos.workspace.model import ModelEndpoint

ENDPOINT = ModelEndpoint(model="m", base_url="http://127.0.0.1:1/v1")
SCHEMA: dict[str, Any] = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
PINNED = "25dcb1f816866c552e80f2e3a2e10053d4988039a495c3d466cdcda1d7e78cd1"
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


def request(**fields: Any) -> ModelRequest:
    return ModelRequest(**{"tier": "small", "system": "s", "prompt": "p", **fields})


def reply(text: str, finish: str = "stop", refused: bool = False) -> Reply:
    return Reply(text, finish, refused, None)


def test_the_digest_is_the_same_in_every_process_and_sees_every_field() -> None:
    one = request(json_schema={"b": 1, "a": 2})
    assert one.digest() == request(json_schema={"a": 2, "b": 1}).digest()
    assert request(json_schema={"a": 1}).digest() == PINNED, "answers recorded under the old digest would be lost"
    changes: list[dict[str, Any]] = [
        {"tier": "large"},
        {"system": "t"},
        {"prompt": "q"},
        {"json_schema": SCHEMA},
        {"schema_name": "other"},
        {"max_tokens": 1},
        {"temperature": 0.5},
        {"confidential": True},
    ]
    digests = {request(**change).digest() for change in changes} | {request().digest()}
    assert len(digests) == len(changes) + 1
    assert {next(iter(c)) for c in changes} == set(ModelRequest.model_fields)
    with pytest.raises(ValidationError):
        request(tier="huge")


@settings(deadline=None)
@given(
    st.dictionaries(st.text(), json_values),
    st.sampled_from([("", ""), ("Here:\n```json\n", "\n```"), ("So: ", " Bye {x}."), ("As {x} says: ", "")]),
)
def test_an_object_is_found_wherever_it_stands(value: dict[str, Any], around: tuple[str, str]) -> None:
    assert extract(around[0] + json.dumps(value) + around[1]) == value


@settings(deadline=None)
@given(st.text(alphabet='{}[]":,\\ua0b1 \n', max_size=200))
def test_extraction_never_raises(text: str) -> None:
    found = extract(text)
    assert found is None or isinstance(found, dict)


@pytest.mark.parametrize("text", ['{"a": NaN}', '{"a": "\\ud800"}', '{"a":' * 100_000, "{" * 1_000_000, "[1]", "7", ""])
def test_what_json_can_not_hold_is_no_object(text: str) -> None:
    assert extract(text) is None


@pytest.mark.parametrize(
    ("given_", "asked", "code", "repairable"),
    [
        (reply("", refused=True), SCHEMA, "model.refused", False),
        (reply('{"n": 1', finish="length"), SCHEMA, "model.truncated", False),
        (reply("", finish="length"), None, "model.truncated", False),
        (reply(" \n"), None, "model.empty", False),
        (reply(" \n"), SCHEMA, "model.empty", True),
        (reply("no"), SCHEMA, "model.schema", True),
        (reply('{"n": "1"}'), SCHEMA, "model.schema", True),
    ],
)
def test_what_an_answer_is_not(given_: Reply, asked: Any, code: str, repairable: bool) -> None:
    verdict = judge(request(json_schema=asked), given_)
    assert isinstance(verdict, Rejected)
    assert (verdict.code, verdict.repairable) == (code, repairable)


def test_what_an_answer_is() -> None:
    assert judge(request(), reply("Hi.")) == Accepted(None)
    assert judge(request(json_schema=SCHEMA), reply('{"n": 1, "more": 2}')) == Accepted({"n": 1, "more": 2})


def test_reasons_name_place_and_rule_and_never_the_answers_words() -> None:
    schema = {**SCHEMA, "properties": {"n": {"type": "integer"}, "s": {"enum": ["a"]}}, "additionalProperties": False}
    reasons = violations({"s": "secret words", "secret": 1}, schema)
    assert "$ lacks n" in reasons
    assert any(r.startswith("$.s must satisfy enum") for r in reasons)
    assert "secret words" not in " ".join(reasons)


def test_a_reference_to_elsewhere_is_not_fetched() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0.05)
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/schema.json"
        with pytest.raises(Unresolvable):
            violations({}, {"$ref": url})
        with pytest.raises(TimeoutError):
            listening.accept()


class Part(BaseModel):
    default: str = "x"
    kind: Literal["a", "b"] = "a"


class Whole(BaseModel):
    """A model as agents write it: defaults, nesting, a reference with words beside it."""

    title: str
    part: Part = Part()
    parts: list[Part] = []
    note: str | None = None


class Open(BaseModel):
    notes: dict[str, str]


def objects(node: Any) -> list[dict[str, Any]]:
    if isinstance(node, list):
        return [found for child in node for found in objects(child)]
    if not isinstance(node, dict):
        return []
    here = [node] if node.get("type") == "object" else []
    return here + [found for child in node.values() for found in objects(child)]


def test_a_pydantic_schema_becomes_strict_and_what_it_allows_still_validates() -> None:
    sent = opening(request(json_schema=Whole.model_json_schema()), ENDPOINT).response_format
    assert sent is not None
    assert sent["json_schema"]["strict"] is True
    form = sent["json_schema"]["schema"]
    Draft202012Validator.check_schema(form)
    for node in objects(form):
        assert node["additionalProperties"] is False
        assert node["required"] == list(node["properties"])
    assert list(form["$defs"]["Part"]["properties"]) == ["default", "kind"]
    assert form["properties"]["part"] == {"$ref": "#/$defs/Part"}
    full = Whole(title="t", parts=[Part()]).model_dump(mode="json")
    assert Draft202012Validator(form).is_valid(full)
    assert violations(full, Whole.model_json_schema()) == ()


def test_an_object_of_any_keys_is_not_claimed_to_be_strict() -> None:
    schema = Open.model_json_schema()
    sent = opening(request(json_schema=schema), ENDPOINT).response_format
    assert sent is not None
    assert sent["json_schema"]["strict"] is False
    assert sent["json_schema"]["schema"] == schema


@settings(deadline=None)
@given(st.text(max_size=20_000), st.text(max_size=3000))
def test_a_repair_never_exceeds_its_bound(text: str, reason: str) -> None:
    first = opening(request(json_schema=SCHEMA), ENDPOINT)
    second = repair(first, reply(text), Rejected("model.schema", (reason,), repairable=True))
    assert second.messages[: len(first.messages)] == first.messages
    assert most_tokens(second) <= most_tokens(first) + most_repair_tokens()


@settings(deadline=None)
@given(st.text(), st.text())
def test_the_bound_on_tokens_is_no_less_than_the_bytes_sent(system: str, prompt: str) -> None:
    exchange = opening(request(system=system, prompt=prompt), ENDPOINT)
    sent = sum(len(text.encode()) for _, text in exchange.messages)
    assert most_tokens(exchange) >= sent
