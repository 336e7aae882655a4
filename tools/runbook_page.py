"""Writes docs/runbook.md from manifests, verbs and Dagster's definitions: `python tools/runbook_page.py`; a test holds
it.

The texts stand beside what they are about: `Manifest` of an agent, `Verb` of a system, `operating(...)` as metadata of
a sensor, schedule, job or check.
"""

from __future__ import annotations

from pathlib import Path

PAGE = Path(__file__).resolve().parent.parent / "docs" / "runbook.md"

_HEAD = """# Runbook

<!-- Written by tools/runbook_page.py from the agents' manifests, the systems' verbs and Dagster's definitions. Change
those, then run it again. -->

For every part: what the business has of it, how it fails, how what it did is unwound, and what you do. How each stands
now is said by the asset `runbook` in Dagster's page, and in `state/views/runbook.md`.

First of all: `agentos status` says what waits for you, `agentos show` a task's story, `agentos doctor` what is missing.
`agentos stop` refuses every effect and model call until `agentos start`.
"""


def page() -> str:
    """The whole page as Markdown."""
    from agentos_assets.definitions import defs
    from agentos_assets.runbook.gather import gathered
    from agentos_assets.runbook.page import page as written

    return written(_HEAD, gathered(defs()))


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
