"""The business's time zone, read apart from the other settings: a mistake elsewhere in agentos.toml does not change the
clock."""

from __future__ import annotations

import re
from datetime import UTC, tzinfo
from pathlib import Path

from agentos.workspace.find import CONFIGURATION

_LINE = re.compile(r"""^\s*timezone\s*=\s*["']([\w+/-]+)["']""", re.MULTILINE)


def zone_of(root: Path) -> tzinfo:
    """UTC where the workspace names none that can be read."""
    from zoneinfo import ZoneInfo

    try:
        found = _LINE.search((root / CONFIGURATION).read_text("utf-8-sig"))
        return ZoneInfo(found.group(1)) if found else UTC
    except (OSError, ValueError, KeyError):  # ZoneInfoNotFoundError is a KeyError
        return UTC
