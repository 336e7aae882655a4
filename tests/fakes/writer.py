"""A model that does its work, behind a real wire: it drafts from the sources in its prompt and doubts nothing."""

from __future__ import annotations

import json
import re
from typing import Any

from tests.fakes.openai_server import Behaviour, Handler, Seen, completion

USAGE = {"prompt_tokens": 1000, "completion_tokens": 500, "total_tokens": 1500}
_SOURCE = re.compile(r"<data label=\"source (\d+)\"[^>]*>\n(.*?)</data", re.DOTALL)


def works(**instead: Behaviour | dict[str, Any]) -> Behaviour:
    """Answers by the name of the schema that is asked for; `instead` replaces the answer for one (Draft={...})."""

    def behave(handler: Handler, seen: Seen) -> None:
        name = schema_of(seen)
        special = instead.get(name)
        if callable(special):
            return special(handler, seen)
        answer = special if special is not None else _ANSWERS[name](prompt_of(seen))
        return handler.send_json(200, completion(json.dumps(answer), usage=USAGE))

    return behave


def schema_of(seen: Seen) -> str:
    return str(seen.body["response_format"]["json_schema"]["name"])


def prompt_of(seen: Seen) -> str:
    return "\n".join(str(message["content"]) for message in seen.body["messages"])


def _draft(prompt: str) -> dict[str, Any]:
    """The first whole sentences of every source, each cited."""
    paragraphs = []
    for number, text in dict(_SOURCE.findall(prompt)).items():
        sentences = re.findall(r"[A-Z][^.!?\n]{30,}[.]", text)[:2]
        paragraphs.append(" ".join(f"{sentence[:-1]} [{number}]." for sentence in sentences))
    return {
        "title": "Heat pumps for older houses",
        "summary": "What decides whether a heat pump suits an older house.",
        "markdown": "\n\n".join(paragraphs),
    }


_ANSWERS: dict[str, Any] = {
    "Draft": _draft,
    "Opinion": lambda _: {"unsupported_sentences": []},
    "Guess": lambda _: {"workflow": None, "topic": None},
    "Result": lambda _: {"steps": [], "reason": "none"},
}
