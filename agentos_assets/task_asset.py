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

SEQ = "agentos/seq"
"""The tag that says which event of the task a materialisation knew last."""

TASK = dg.AssetSpec(
    "task",
    description="The story of each task: its steps, what it did, and why it is parked. Choose one under Partitions: "
    "the day on which it was asked for, and the end of its id, which `agentos show` takes.",
    group_name="work",
    deps=["event_log"],
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
        tags={"agentos/status": state.status, SEQ: str(state.seq)},
    )


def shown_seq(instance: dg.DagsterInstance, task: str) -> int:
    """The newest event of the task that its last materialisation knew of; 0 where there is none."""
    wanted = dg.AssetRecordsFilter(asset_key=TASK.key, asset_partitions=[partition_of(task)])
    for record in instance.fetch_materializations(wanted, limit=1).records:
        tags = (record.asset_materialization.tags if record.asset_materialization else None) or {}
        return int(tags.get(SEQ, "0"))
    return 0


def _typed(described: Mapping[str, Any]) -> dict[str, dg.MetadataValue[Any]]:
    return {
        name: dg.MetadataValue.int(value) if isinstance(value, int) else dg.MetadataValue.md(value)
        for name, value in described.items()
    }
