"""Links within Dagster's page, for the Markdown that it shows: from what is told to where more of it stands."""

from __future__ import annotations

from agentos.ids import short
from agentos_assets.task_asset import partition_of


def to_task(task: str) -> str:
    """The task's own partition, by the end of its id, which `agentos show` takes as well."""
    return f"[{short(task)}](/assets/task?partition={partition_of(task)}&view=partitions)"


def to_asset(name: str, text: str = "") -> str:
    return f"[{text or name}](/assets/{name})"


def to_check(asset: str, check: str) -> str:
    return f"[{asset}: {check}](/assets/{asset}?view=checks&checkDetail={check})"
