"""What a what-if changes, from what its dialog was told."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from agentos.errors import AgentOSError

if TYPE_CHECKING:
    from agentos.platform import Platform
    from agentos.policy import Policy
    from graphs.whatif import Change


def change_of(platform: Platform, policy: str, models: Sequence[str]) -> Change:
    """`policy`: a path below the workspace, or TOML text. `models`: "large=gpt-5", "large=2.50/10". Raises AgentOSError
    for what can't be read, with its line, and where nothing is to be changed."""
    from graphs.whatif import Change
    from graphs.whatif.change import priced

    if not policy.strip() and not models:
        raise AgentOSError(
            "What should be otherwise is not said.",
            hint='Name a policy ("policy.toml" below the workspace, or its text) or a model ("large=gpt-5").',
            code="whatif.nothing",
        )
    settings, at = platform.workspace.configuration.models, platform.clock.now()
    rules = _policy(platform.store.root, policy) if policy.strip() else None
    return Change(rules, dict(priced(said, settings, at) for said in models))


def _policy(root: Path, said: str) -> Policy:
    from agentos.policy.load import parse_policy
    from agentos.workspace.read import decode

    if "\n" in said.strip() or "=" in said:
        return parse_policy(said, file="the policy given")
    path = (root / said.strip()).resolve()
    if not path.is_relative_to(root.resolve()) or not path.is_file():
        raise AgentOSError(
            f"{said.strip()} is no file below the workspace.",
            hint="Put the policy there, or give its text.",
            code="whatif.policy",
        )
    return parse_policy(decode(path.read_bytes(), path.name), file=path.name)
