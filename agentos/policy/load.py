"""Reads `policy.toml`. What is wrong stops with file and line, and with what was expected there."""

from __future__ import annotations

from importlib import resources

from agentos.errors import WorkspaceError
from agentos.policy.model import Policy
from agentos.workspace.read import parse, validate

FILE = "policy.toml"
_HINT = "`agentos init` in an empty folder writes a policy.toml that says what each line means."


def parse_policy(text: str, *, file: str = FILE) -> Policy:
    """The policy in `text`. Raises WorkspaceError; numbers are read as exact decimals, never as floats."""
    try:
        return validate(Policy, parse(text, file), text, file)
    except WorkspaceError as error:
        error.hint = error.hint or _HINT
        raise


def template() -> str:
    """The commented policy that a new workspace starts with."""
    return resources.files("agentos.policy").joinpath("template.toml").read_text("utf-8")
