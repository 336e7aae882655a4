"""The asset `history`, a partition a day (UTC), and the sensor that has days sealed once they are over."""

from datetime import date
from typing import TYPE_CHECKING, Any

import dagster as dg

from agentos_assets.describe import table
from agentos_assets.event_log import EVENT_LOG
from agentos_assets.operating import operating
from agentos_assets.partitions import in_chunks
from agentos_assets.resources import PlatformResource

if TYPE_CHECKING:
    from agentos.views.history import SealedDay

A_MONTH = 31
"""Days that one run seals: a long history is caught up with in several, one after the other."""


def history_asset(days: dg.DailyPartitionsDefinition) -> dg.AssetsDefinition:
    with in_chunks() as policy:

        @dg.asset(
            name="history",
            description="Each day that is over, sealed: typed rows as Parquet, checked by their digest.",
            group_name="log",
            kinds={"parquet", "polars"},
            owners=["team:operator"],
            code_version="1",
            deps=[EVENT_LOG.key],
            partitions_def=days,
            backfill_policy=policy,
        )
        def history(context: dg.AssetExecutionContext, platform: PlatformResource) -> dg.MaterializeResult[None]:
            from agentos.ids import digest
            from agentos_assets.sealing import seal_days

            with platform.store() as store:
                found = seal_days(store, [date.fromisoformat(key) for key in context.partition_keys])
            for day, one in found.items():
                context.add_asset_metadata(_told(one), partition_key=day.isoformat())
            digests = [one.digest if one else day.isoformat() for day, one in found.items()]
            return dg.MaterializeResult(data_version=dg.DataVersion(digest(" ".join(digests).encode())[:16]))

    return history


def _told(day: "SealedDay | None") -> dict[str, dg.MetadataValue[Any]]:
    if day is None:
        return {"dagster/row_count": dg.MetadataValue.int(0)}
    rows = [[type, str(count)] for type, count in day.types.items()]
    return {
        "dagster/row_count": dg.MetadataValue.int(day.rows),
        "digest": dg.MetadataValue.text(day.digest),
        "events": dg.MetadataValue.text(f"{day.first_seq} to {day.last_seq}"),
        "by type": dg.MetadataValue.md(table(["type", "events"], rows)),
    }


@dg.sensor(
    asset_selection=dg.AssetSelection.assets("history"),
    minimum_interval_seconds=120,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Days are over and not sealed, or sealed and not shown: asks for a run, a month at a time.",
    metadata=operating(
        outcome="Every day is sealed soon after it is over, also when this machine was off at midnight.",
        failure_modes=(
            "A run fails or is killed: what is sealed stands, and the rest is asked for again an hour later.",
            "A sealed file was altered or lost: the day is sealed again from the log.",
        ),
        unwound="Delete `state/history`: it is made again from the log.",
        act="Look at the run; the views read the log itself meanwhile and are right all the same.",
    ),
)
def unsealed_days(context: dg.SensorEvaluationContext, platform: PlatformResource) -> dg.SensorResult | dg.SkipReason:
    """The cursor is the day on which nothing was left: the files are looked at once a day, not at every tick."""
    from agentos.clock import SystemClock
    from agentos_assets.sealing import left_over

    now = SystemClock().now()
    if context.cursor == f"{now:%Y-%m-%d}":
        return dg.SkipReason("Every day that is over is sealed.")
    shown = context.instance.get_materialized_partitions(dg.AssetKey("history"))
    with platform.store() as store:
        left = left_over(store, shown)
    if not left:
        return dg.SensorResult(skip_reason="Every day that is over is sealed.", cursor=f"{now:%Y-%m-%d}")
    first, last = left[0].isoformat(), left[:A_MONTH][-1].isoformat()
    reach = {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}
    tags = {**reach, "agentos/trigger": "history"}
    return dg.SensorResult(run_requests=[dg.RunRequest(run_key=f"{first}..{last}@{now:%Y-%m-%dT%H}", tags=tags)])
