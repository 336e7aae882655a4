"""The sentences of answers, as data: `phrases.toml`, English and German."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any


class _Tables(Mapping[str, dict[str, Any]]):
    """Read when first asked for: nothing happens at import."""

    def __getitem__(self, language: str) -> dict[str, Any]:
        return _read()[language]

    def __iter__(self) -> Any:
        return iter(_read())

    def __len__(self) -> int:
        return len(_read())


@cache
def _read() -> dict[str, dict[str, Any]]:
    return tomllib.loads(files("agents.text").joinpath("phrases.toml").read_text("utf-8"))


PHRASES: Mapping[str, dict[str, Any]] = _Tables()


def phrase(language: str, name: str, /, **values: Any) -> str:
    """The sentence with its values in place; "" where there is none. A `count` of 1 takes NAME.one if it is there."""
    table = PHRASES[language]
    singular = table.get(f"{name}.one") if values.get("count") == 1 else None
    text = str(singular if singular is not None else table.get(name, ""))
    if name == "and":
        return text
    said = " ".join(text.format_map(values).split())
    return re.sub(r" (?=[.:,])", "", said)  # where no days are named, none stand there
