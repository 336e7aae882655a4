"""The words of questions about the business, English and German, as data in `asking.toml`.

A text is one of them only if it is read to its last word: what would be left over might change the answer ("... for the
workshop in Berlin").
"""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib.resources import files
from typing import Literal, get_args

Language = Literal["en", "de"]
Kind = Literal[
    "owed", "owed-by-all", "overdue", "unpaid", "issued", "billed", "cost", "revenue", "received", "waiting", "parked",
    "parked-tasks", "interruptions", "failing-agents", "done", "failed-tasks", "doubt", "balances", "best-clients",
    "published", "mailed", "drift",
]  # fmt: skip
CLIENT, TASK = "@c", "@t"
"""Stand in a text for the client and the task that were named; days are taken out of it."""

POLITE = re.compile(
    r"^(?:(?:hello|hi|hey|hallo|please|bitte|so|and|und|ok(?:ay)?"
    r"|(?:can|could|would) you (?:please )?(?:tell|show) me|tell me|show me|show|list|give me"
    r"|i(?: would|d)? (?:like|want) to know"
    r"|(?:kannst|könntest) du mir (?:bitte )?(?:sagen|zeigen)|sag(?:e)? mir|zeig(?:e)?(?: mir)?|nenn(?:e)?(?: mir)?"
    r"|ich (?:möchte|will) wissen)\s+)+"
)
TRAILING = re.compile(
    r"(?:\s+(?:please|bitte|thanks|thank you|danke|(?:right )?now|currently|at the moment|so far|already"
    r"|in total|altogether|jetzt|gerade|derzeit|aktuell|momentan|bisher|insgesamt|denn|eigentlich|schon))+$"
)
ASKS = re.compile(
    r"^(?:what|which|who|how|why|when|where|is|are|was|were|do|does|did|has|have|show|list|tell|give|can|could"
    r"|welche[rs]?|wer|wie|wieviel|warum|wann|wo|worauf|ist|sind|hat|haben|gibt|schuldet|wartet|stimmt|zeig|sag|nenn)\b"
)


@cache
def forms() -> tuple[tuple[Language, Kind, re.Pattern[str]], ...]:
    """In the order in which they are tried. Read when first asked for."""
    tables = tomllib.loads(files("agentos.intents").joinpath("asking.toml").read_text("utf-8"))
    words = tables.pop("words")
    found: list[tuple[Language, Kind, re.Pattern[str]]] = []
    for language in get_args(Language):
        for kind, written in tables[language].items():
            forms = "|".join(f"(?:{_spelled(form, words)})" for form in written)
            found.append((language, kind, re.compile(forms)))
    return tuple(found)


def _spelled(form: str, words: dict[str, str]) -> str:
    """With every <name> replaced by its words, which may hold others."""
    while (name := re.search(r"(?<!\?P)<([a-z_]+)>", form)) is not None:
        form = f"{form[: name.start()]}{words[name[1]]}{form[name.end() :]}"
    return form
