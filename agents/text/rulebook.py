"""The editor's rules, read from `agents/rules/*.toml` and applied to a text."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from importlib.resources import files
from time import process_time
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, field_validator

from agentos.capabilities.markdown import Block, blocks, images
from agentos.capabilities.words import Language
from agents.text.sentences import sentences

Severity = Literal["note", "card", "stop"]
MOST_SECONDS = 0.5
"""Of the processor's time that a rule of the operator's own may take on one text."""
_QUOTED = re.compile(r"[“„«\"]([^“”„«»\"]{20,})[”“»\"]")


class Hit(BaseModel):
    """A rule that was broken, and the sentence that broke it."""

    model_config = ConfigDict(frozen=True)

    rule: str
    severity: Severity
    sentence: str
    message: str


class Rule(BaseModel):
    """One compliance rule; the operator writes hers in the same form."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rule: str
    kind: Literal["forbidden", "disclosure"] = "forbidden"
    severity: Severity = "card"
    languages: tuple[Language, ...] = ("en", "de")
    pattern: str
    unless: str | None = None
    demands: str | None = None
    message: str

    @field_validator("pattern", "unless", "demands")
    @classmethod
    def _compiles(cls, value: str | None) -> str | None:
        try:
            re.compile(value or "")
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from error
        return value


def tidied(markdown: str, language: Language) -> tuple[str, list[str]]:
    """The text with the `replace` rules applied outside code and addresses, and what was changed, once per rule."""
    changes: list[str] = []
    lines = []
    fenced = False
    for line in markdown.split("\n"):
        fenced ^= line.lstrip().startswith("```")
        if fenced or re.match(r"\s*(?:\||---|>|\[\w+\]:|```)", line):
            lines.append(line)
            continue
        for rule in _style()["replace"]:
            if language in rule["languages"]:
                line, count = _outside_code(re.compile(rule["pattern"]), rule["with"], line)
                changes += [rule["why"]] if count and rule["why"] not in changes else []
        lines.append(line)
    return "\n".join(lines), changes


def style_hits(markdown: str, language: Language) -> list[Hit]:
    """Filler words and overlong sentences: notes."""
    limit = int(_style()["limits"]["sentence_words"])
    found = []
    for sentence in said(markdown):
        for rule in _style()["flag"]:
            if language in rule["languages"] and re.search(rule["pattern"], sentence):
                found.append(Hit(rule=rule["rule"], severity="note", sentence=sentence, message=rule["message"]))
        if len(sentence.split()) > limit:
            message = _style()["limits"][f"message_{language}"].format(limit=limit)
            found.append(Hit(rule="style.long_sentence", severity="note", sentence=sentence, message=message))
    return found


def compliance_hits(markdown: str, language: Language, own: Iterable[Rule]) -> list[Hit]:
    """Forbidden claims, missing disclosures, long quotations and images without a licence note."""
    told = said(markdown)
    found = [hit for rule in _built_in() if language in rule.languages for hit in _broken(rule, told, re.search)]
    found += [hit for rule in own if language in rule.languages for hit in own_hits(rule, told)]
    parts = blocks(markdown)
    return [*found, *_quotes(parts, language), *_images(markdown, language)]


def said(markdown: str) -> list[str]:
    """All sentences of a text, headings and quotations included."""
    return [sentence for block in blocks(markdown) for sentence in sentences(block.text)]


def _broken(rule: Rule, told: list[str], search: Callable[[str, str], object]) -> list[Hit]:
    at_fault = [s for s in told if search(rule.pattern, s) and not (rule.unless and search(rule.unless, s))]
    if rule.kind == "disclosure":
        if any(search(rule.demands or r"(?!)", sentence) for sentence in told):
            return []
        at_fault = at_fault[:1]
    return [Hit(rule=rule.rule, severity=rule.severity, sentence=s, message=rule.message) for s in at_fault]


def own_hits(rule: Rule, told: list[str], limit: float = MOST_SECONDS) -> list[Hit]:
    """Of a rule of the operator's own, whose pattern may take for ever: then a hit that says so, never silence."""
    import regex  # knows a limit of time, which Python's own expressions do not

    left = limit

    def search(pattern: str, text: str) -> object:
        nonlocal left
        began = process_time()
        found: object = regex.search(pattern, text, timeout=left)
        left = max(left - (process_time() - began), 0.0001)  # 0 would be no limit
        return found

    try:
        return _broken(rule, told, search)
    except TimeoutError:
        return [unusable(rule.rule, f"its pattern takes longer than {limit:g} s on this text")]
    except regex.error as error:
        return [unusable(rule.rule, f"not a regular expression: {error}")]


def unusable(rule: str, why: str) -> Hit:
    return Hit(rule=rule, severity="card", sentence="", message=f"your rule {rule} can't be applied: {why}")


def _quotes(parts: list[Block], language: Language) -> list[Hit]:
    limits = _compliance()["quotes"]
    quoted = [part.text for part in parts if part.kind == "quote"]
    quoted += [quote for part in parts if part.kind != "quote" for quote in _QUOTED.findall(part.text)]
    return [
        _hit(limits, language, text, count=len(text.split()), limit=limits["words"])
        for text in quoted
        if len(text.split()) > limits["words"]
    ]


def _images(markdown: str, language: Language) -> list[Hit]:
    rule = _compliance()["images"]
    found = []
    for address, alternative, title in images(markdown):
        if not re.search(rule["pattern"], f"{alternative} {title} {_caption(markdown, address)}"):
            found.append(_hit(rule, language, f"![{alternative}]({address})"))
    return found


def _caption(markdown: str, address: str) -> str:
    """What stands after an image on its line, and the next line with text, unless that is another image."""
    _, found, after = markdown.partition(f"]({address}")
    own, *following = (after if found else "").split("\n")
    below = next((line for line in following if line.strip()), "")
    return own.partition("![")[0] + " " + ("" if "![" in below else below)


def _hit(rule: Mapping[str, Any], language: Language, sentence: str, **values: object) -> Hit:
    message = str(rule[f"message_{language}"]).format(**values)
    return Hit(rule=rule["rule"], severity=rule["severity"], sentence=sentence, message=message)


def _outside_code(pattern: re.Pattern[str], replacement: str, line: str) -> tuple[str, int]:
    """Applies a rule to a line, but not inside `code`, link targets and bare addresses."""
    pieces = re.split(r"(`[^`]*`|\]\([^)]*\)|<[^>]*>|https?://\S+)", line)
    total = 0
    for i in range(0, len(pieces), 2):
        pieces[i], count = pattern.subn(replacement, pieces[i])
        total += count
    return "".join(pieces), total


@lru_cache(maxsize=1)
def _style() -> dict[str, Any]:
    return tomllib.loads(files("agents.rules").joinpath("style.toml").read_text("utf-8"))


@lru_cache(maxsize=1)
def _compliance() -> dict[str, Any]:
    return tomllib.loads(files("agents.rules").joinpath("compliance.toml").read_text("utf-8"))


@lru_cache(maxsize=1)
def _built_in() -> tuple[Rule, ...]:
    return tuple(Rule.model_validate(rule) for rule in _compliance()["rules"])
