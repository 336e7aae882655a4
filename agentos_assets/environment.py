"""Which of the environment's variables a program needs to run, and which could be a key."""

from __future__ import annotations

from collections.abc import Mapping

from agentos.workspace.find import VARIABLE
from agentos_assets.first_day import VARIABLE as FIRST_DAY

OWN = ("DAGSTER_HOME", VARIABLE, FIRST_DAY)
"""What `agentos up` sets for the programs it starts."""
_HARMLESS = ("PATH", "HOME", "USER", "LANG", "TZ", "TMPDIR", "VIRTUAL_ENV")
_HARMLESS_STARTS = ("LC_", "PYTHON", "SSL_")


def harmless(environ: Mapping[str, str]) -> dict[str, str]:
    """What programs need to run, and nothing that could be a key."""
    return {name: value for name, value in environ.items() if name in _HARMLESS or name.startswith(_HARMLESS_STARTS)}
