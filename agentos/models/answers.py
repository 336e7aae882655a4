"""What goes into a request and what an answer is worth: prompts, structured output, validation, the one repair.

Two ways to a structured answer: the server is held to the schema (`response_format`), or the schema stands in the
prompt. Either way the answer is validated here against the schema that was asked for; no server's word is taken for it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any, Literal

import orjson

from agentos.models.exchange import Exchange, Reply
from agentos.models.request import ModelRequest, canonical
from agentos.workspace.model import ModelEndpoint

REPAIR_ANSWER = 4000
REPAIR_REASONS = 1500
"""Bytes of a bad answer and of what is wrong with it that are sent back: they bound what a repair can cost."""

OVERHEAD = 200
"""Tokens of a chat template around the messages, from above."""

_FORM = "Answer with one JSON object and nothing else. It must honour this JSON schema:\n"
_REPAIR = (
    "That answer can't be used: {reasons}. Answer again with one JSON object that honours the schema, nothing else."
)


@dataclass(frozen=True)
class Accepted:
    parsed: dict[str, Any] | None


@dataclass(frozen=True)
class Rejected:
    """`repairable`: telling the model what was wrong may help."""

    code: Literal["model.schema", "model.refused", "model.empty", "model.truncated"]
    reasons: tuple[str, ...]
    repairable: bool = False


def opening(request: ModelRequest, endpoint: ModelEndpoint) -> Exchange:
    """The first exchange of a call."""
    system, form = request.system, None
    if request.json_schema is not None and endpoint.structured == "prompt":
        system = f"{system}\n\n{_FORM}{canonical(request.json_schema).decode()}"
    elif request.json_schema is not None:
        form = _response_format(request.schema_name, request.json_schema)
    messages = (("system", system), ("user", request.prompt)) if system.strip() else (("user", request.prompt),)
    limit = min(request.max_tokens, endpoint.max_output_tokens)
    return Exchange(messages, limit, request.temperature, form)


def repair(first: Exchange, reply: Reply, rejected: Rejected) -> Exchange:
    """The second and last exchange: the bad answer and what is wrong with it, both cut to their bounds."""
    said = _cut(reply.text, REPAIR_ANSWER) or "(nothing)"
    asked = _REPAIR.format(reasons=_cut("; ".join(rejected.reasons), REPAIR_REASONS))
    return replace(first, messages=(*first.messages, ("assistant", said), ("user", asked)))


def most_tokens(exchange: Exchange) -> int:
    """Input tokens from above: no tokeniser makes more tokens than there are bytes of UTF-8, plus the chat template."""
    text = sum(len(content.encode()) for _, content in exchange.messages)
    form = len(canonical(exchange.response_format)) if exchange.response_format else 0
    return text + form + OVERHEAD


def most_repair_tokens() -> int:
    """What a repair adds to the input, from above."""
    return REPAIR_ANSWER + REPAIR_REASONS + len(_REPAIR) + OVERHEAD


def judge(request: ModelRequest, reply: Reply) -> Accepted | Rejected:
    """Is this an answer? The order matters: a refusal is often empty, a cut-off answer often no JSON."""
    if reply.refused:
        return Rejected("model.refused", ("the model refused",))
    if reply.finish == "length":
        return Rejected("model.truncated", ("the answer was cut off at the length limit",))
    structured = request.json_schema is not None
    if not reply.text.strip():
        return Rejected("model.empty", ("the answer was empty",), repairable=structured)
    if request.json_schema is None:
        return Accepted(None)
    found = extract(reply.text)
    if found is None:
        return Rejected("model.schema", ("it holds no JSON object",), repairable=True)
    reasons = violations(found, request.json_schema)
    return Rejected("model.schema", reasons, repairable=True) if reasons else Accepted(found)


def extract(text: str) -> dict[str, Any] | None:
    """The first JSON object in a text: all of it, or what stands in a code fence or between words.

    Only what plain JSON can hold: no NaN, no lone surrogates, no endless nesting. A few places are tried, so that a
    hostile text of many braces costs no time.
    """
    decoder = json.JSONDecoder()
    start = text.find("{")
    for _ in range(20):
        if start < 0:
            return None
        try:
            _, end = decoder.raw_decode(text, start)
            value = orjson.loads(text[start:end])
            orjson.dumps(value)  # it reads deeper nesting than it writes, and the log has to keep it
        except (ValueError, TypeError, RecursionError):
            start = text.find("{", start + 1)
            continue
        return value if isinstance(value, dict) else None
    return None


def violations(value: dict[str, Any], schema: dict[str, Any]) -> tuple[str, ...]:
    """What breaks the schema (2020-12), at most five, as place and rule: the answer's own words are not repeated."""
    from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
    from referencing import Registry

    validator = Draft202012Validator(schema, registry=Registry())
    errors = sorted(validator.iter_errors(value), key=lambda e: e.json_path)
    return tuple(_reason(e) for e in errors[:5])


def _reason(error: Any) -> str:
    if error.validator == "required":
        missing = [name for name in error.validator_value if name not in error.instance]
        return f"{error.json_path} lacks {', '.join(missing)}"
    if error.validator == "additionalProperties":
        return f"{error.json_path} has properties that the schema does not name"
    return f"{error.json_path} must satisfy {error.validator}: {_cut(json.dumps(error.validator_value), 200)}"


def _response_format(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    """Strict where the schema allows it. Source: OpenAI, "Structured Outputs", supported schemas."""
    is_open = _open(schema)
    form = schema if is_open else _strict(schema)
    return {"type": "json_schema", "json_schema": {"name": name, "schema": form, "strict": not is_open}}


def _open(node: Any) -> bool:
    """Whether some object may have any property (a dict[str, X]): strict mode can't say that."""
    if isinstance(node, list):
        return any(_open(child) for child in node)
    if not isinstance(node, dict):
        return False
    if node.get("type") == "object" and not node.get("properties"):
        return True
    if node.get("additionalProperties") not in (None, False):
        return True
    return any(_open(child) for child in node.values())


def _strict(node: Any) -> Any:
    """Every property required, no others allowed, no defaults, no words beside a $ref."""
    if isinstance(node, list):
        return [_strict(child) for child in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        return {"$ref": node["$ref"]}
    strict = {key: _strict_child(key, child) for key, child in node.items() if key != "default"}
    if isinstance(strict.get("properties"), dict):
        strict["required"] = list(strict["properties"])
        strict["additionalProperties"] = False
    return strict


def _strict_child(key: str, child: Any) -> Any:
    """Below `properties` and `$defs` the keys are names, of which one may be "default"; enum and const hold values."""
    if key in ("properties", "$defs", "definitions") and isinstance(child, dict):
        return {name: _strict(value) for name, value in child.items()}
    return child if key in ("enum", "const", "required") else _strict(child)


def _cut(text: str, size: int) -> str:
    return text.encode()[:size].decode(errors="ignore")
