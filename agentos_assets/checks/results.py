"""How every check stands, as Dagster's store has it: which failed, since when, and in which words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

import dagster as dg
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus as Status

FURTHEST = 200
"""Results of a check that are looked back over."""
_ENDED = {Status.SUCCEEDED, Status.FAILED}


@dataclass(frozen=True)
class Checked:
    """A check that has run. since: when the first of the failures in a row came; None where it passed. says: in words,
    Markdown."""

    asset: str
    name: str
    at: datetime
    since: datetime | None = None
    says: str = ""


def checked(instance: dg.DagsterInstance, keys: Iterable[dg.AssetCheckKey]) -> list[Checked]:
    """Those that have come to a result, by name."""
    found = (_last(instance, key) for key in sorted(keys))
    return [one for one in found if one is not None]


def failing_since(instance: dg.DagsterInstance, key: dg.AssetCheckKey) -> datetime | None:
    """When the check failed first since it passed last; None where its last result is that it passed."""
    since = None
    for record in instance.event_log_storage.get_asset_check_execution_history(key, FURTHEST, status=_ENDED):
        if record.status == Status.SUCCEEDED:
            break
        since = datetime.fromtimestamp(record.create_timestamp, UTC)
    return since


def _last(instance: dg.DagsterInstance, key: dg.AssetCheckKey) -> Checked | None:
    found = instance.event_log_storage.get_asset_check_execution_history(key, 1, status=_ENDED)
    if not found:
        return None
    (record,) = found
    at = datetime.fromtimestamp(record.create_timestamp, UTC)
    asset = key.asset_key.to_user_string()
    if record.status == Status.SUCCEEDED:
        return Checked(asset, key.name, at)
    says = record.evaluation.description if record.evaluation else None
    return Checked(asset, key.name, at, failing_since(instance, key), says or "")
