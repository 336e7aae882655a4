"""The external asset `task`: a partition for every task, whose materialisations say how it stands.

Dagster's store is neither sealed nor forgotten with a client, so it holds ids and states only: no goal text, no
titles, no names, no amounts. `agentos show` tells the rest.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from agentos.ids import short
from agentos.tasks.state import TaskState
from agentos_assets.describe import describe

TASKS = dg.DynamicPartitionsDefinition(name="tasks")

TASK = dg.AssetSpec(
    "task",
    description="What was asked for, a partition each. A materialisation says how it stood when it parked or ended.",
    group_name="work",
    kinds={"sqlite"},
    owners=["team:operator"],
    tags={"source": "event_log"},
    code_version="1",
    partitions_def=TASKS,
)


def partition_of(task: str) -> str:
    """ "2026-11-23-1a2b3c4d": the day in the task's id (a UUIDv7) and the end that `agentos show` takes."""
    opened = datetime.fromtimestamp(int(task.replace("-", "")[:12], 16) / 1000, UTC)
    return f"{opened:%Y-%m-%d}-{short(task)}"


def materialisation(state: TaskState) -> dg.AssetMaterialization:
    return dg.AssetMaterialization(
        asset_key=TASK.key,
        partition=partition_of(state.id),
        description=f"{state.status}: agentos show {short(state.id)}",
        metadata=_typed(describe(state)),
        tags={"agentos/status": state.status},
    )


def _typed(described: Mapping[str, Any]) -> dict[str, dg.MetadataValue[Any]]:
    return {
        name: dg.MetadataValue.int(value) if isinstance(value, int) else dg.MetadataValue.md(value)
        for name, value in described.items()
    }
