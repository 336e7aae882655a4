"""The recovery passphrase: from a hidden prompt, the environment or a file; never an argument, and never shown."""

from __future__ import annotations

import os
from pathlib import Path

import click

from agentos.errors import AgentOSError
from desk.session import Session

VARIABLE = "AGENTOS_BACKUP_PASSPHRASE"


def passphrase(session: Session, file: Path | None, *, new: bool) -> str:
    """`new`: chosen now, so it is asked for twice and must be long enough. Raises AgentOSError where none comes."""
    found = given(file)
    if found is None and session.asks:
        text = "Recovery passphrase" if not new else "Recovery passphrase (without it, no client's history comes back)"
        found = click.prompt(text, hide_input=True, confirmation_prompt=new, err=True)
    if not found:
        raise AgentOSError(
            "The clients' keys of a backup are locked with a recovery passphrase, and none was given.",
            hint=f"Run it on a terminal, set {VARIABLE}, or name a file: --passphrase-file FILE",
            code="backup.no_passphrase",
        )
    return _long_enough(found) if new else found


def given(file: Path | None) -> str | None:
    """What stands in the file (its first line) or in the environment; None where nobody has set one."""
    if file is None:
        return os.environ.get(VARIABLE) or None
    try:
        lines = file.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        raise AgentOSError(f"{file} can't be read.", hint="Name a text file.", code="backup.no_passphrase") from None
    return lines[0] if lines else ""


def _long_enough(chosen: str) -> str:
    from agentos.backup.keys import SHORTEST

    if len(chosen) < SHORTEST:
        raise AgentOSError(
            f"The passphrase is too short: at least {SHORTEST} characters.",
            hint="Several words are easier to keep than signs. Write it on paper, apart from the backup.",
            code="backup.short_passphrase",
        )
    return chosen
