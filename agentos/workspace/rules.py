"""The operator's own compliance rules, `rules.toml`: read as a file; what each rule means is the editor's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from agentos.workspace.model import Settings
from agentos.workspace.read import decode, parse, read_bytes, validate

RULES = "rules.toml"


class OwnRules(Settings):
    rules: tuple[dict[str, Any], ...] = ()


def load_rules(root: Path) -> list[dict[str, Any]]:
    """The rules as JSON; none when there is no such file. Raises WorkspaceError with the line."""
    path = root / RULES
    if not path.exists():
        return []
    text = decode(read_bytes(root, path), RULES)
    return list(validate(OwnRules, parse(text, RULES), text, RULES).model_dump(mode="json")["rules"])
