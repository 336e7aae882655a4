"""What an operator needs to know of a sensor, schedule, job or check: declared where it is defined, as its metadata.

So Dagster's page shows it beside the thing itself, and the runbook is made from it (`agentos_assets.runbook`). A test
fails for a definition that declares none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

OUTCOME, FAILS, UNWOUND, ACT = "outcome", "failure modes", "unwound", "how to act"
_NOTHING = "Nothing to unwind: it does nothing outside."


def operating(
    *, outcome: str, failure_modes: Sequence[str], act: str, unwound: str = _NOTHING
) -> dict[str, dg.MetadataValue[Any]]:
    """For the `metadata` of a definition: whole sentences, Markdown in a line.

    `outcome`: what the business has of it. `failure_modes`: what goes wrong and what happens then. `unwound`: how what
    it did is taken back. `act`: what the operator does when it fails.
    """
    texts = {OUTCOME: outcome, FAILS: "\n".join(f"- {one}" for one in failure_modes), UNWOUND: unwound, ACT: act}
    return {name: dg.MetadataValue.md(text) for name, text in texts.items()}


def said(metadata: Mapping[str, Any], name: str) -> str:
    """What a definition declares under OUTCOME, FAILS, ...; "" where it declares nothing."""
    value = metadata.get(name)
    return str(getattr(value, "value", value) or "")
