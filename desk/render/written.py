"""A post or a mail as one editable text: named lines, an empty line, the body; and back again."""

from __future__ import annotations

import re
from dataclasses import dataclass

MOST_SUMMARY = 200
"""Characters: what a feed or a search page shows of a post."""
_TITLE = re.compile(r"\A\s*#[ \t]+(.+?)[ \t]*#*[ \t]*(?:\n+|\Z)")


@dataclass(frozen=True)
class Form:
    """`keys`: the fields in order, the last one being the body. `names`: what the others are called in the text."""

    keys: tuple[str, ...]
    names: tuple[str, ...]


POST = Form(("title", "summary", "markdown"), ("Title", "Summary"))
MAIL = Form(("subject", "body"), ("Subject",))


@dataclass(frozen=True)
class Written:
    fields: dict[str, str]


def as_text(written: Written, form: Form) -> str:
    lines = [f"{name}: {written.fields[key]}" for name, key in zip(form.names, form.keys, strict=False)]
    return "\n".join([*lines, "", written.fields[form.keys[-1]]])


def read_text(text: str, old: Written, form: Form) -> Written:
    """The fields of an edited text. Named lines may be left out: what they would say stays as it was."""
    body = text.replace("\r\n", "\n").lstrip("\ufeff")
    fields = dict(old.fields)
    while (head := _head(body, form)) is not None:
        key, value, body = head
        fields[key] = value
    if body is not text and body.startswith("\n"):
        body = body[1:]
    fields[form.keys[-1]] = body.rstrip("\n") + "\n" if old.fields[form.keys[-1]].endswith("\n") else body.rstrip("\n")
    return Written(fields)


def _head(body: str, form: Form) -> tuple[str, str, str] | None:
    """(field, its value, what follows) when the text begins with a named line."""
    first, _, rest = body.partition("\n")
    name, colon, value = first.partition(":")
    if not colon or name.strip() not in form.names:
        return None
    return form.keys[form.names.index(name.strip())], value.strip(), rest


def leading_title(markdown: str) -> tuple[str, str]:
    """(the title of a first line `# Title`, or "", and the text without that line)."""
    found = _TITLE.match(markdown)
    return (" ".join(found[1].split()), markdown[found.end() :]) if found else ("", markdown)


def summary_of(markdown: str) -> str:
    """The first sentences of a text, without marks and citations, as far as they fit; "" where it has no prose."""
    from agentos.capabilities.markdown import blocks
    from agents.text.sentences import sentences, without_citations

    prose = [block.text for block in blocks(markdown) if block.kind != "heading"]
    said = [" ".join(without_citations(sentence).split()) for sentence in sentences(prose[0])] if prose else []
    summary = said[0] if said else ""
    for sentence in said[1:]:
        if len(summary) + 1 + len(sentence) > MOST_SUMMARY:
            break
        summary += f" {sentence}"
    return summary if len(summary) <= MOST_SUMMARY else f"{summary[: MOST_SUMMARY - 1].rsplit(' ', 1)[0]}…"
