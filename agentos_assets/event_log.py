"""The external asset `event_log`, from which everything else is made, and the sensor that reports how it grows."""

import dagster as dg

from agentos_assets.describe import table
from agentos_assets.growth import Growth
from agentos_assets.operating import operating
from agentos_assets.resources import PlatformResource

EVENT_LOG = dg.AssetSpec(
    "event_log",
    description="All that has happened, in order, never changed: the one truth. Everything else can be made from it.",
    group_name="log",
    kinds={"sqlite"},
    owners=["team:operator"],
    code_version="1",
)


@dg.sensor(
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Reports to the asset `event_log` that the log has grown, which makes the views fresh.",
    metadata=operating(
        outcome="What the views say is at most about a minute old.",
        failure_modes=(
            "The log can't be opened: the tick fails, and the views stay as they were.",
            "The views have not followed after two minutes: it reports once more.",
            "Its cursor is lost: it reports the log as it stands once more, which does no harm.",
        ),
        act="Materialise the views by hand meanwhile; `agentos log verify` says whether the log is whole.",
    ),
)
def log_growth(context: dg.SensorEvaluationContext, platform: PlatformResource) -> dg.SensorResult | dg.SkipReason:
    from agentos.clock import SystemClock
    from agentos_assets.growth import grown

    with platform.store() as store:
        growth = grown(store, context.cursor, SystemClock().now())
    if growth is None:
        return dg.SkipReason("The log has not grown.")
    return dg.SensorResult(asset_events=[reported(growth)], cursor=str(growth))


def reported(growth: Growth) -> dg.AssetMaterialization:
    rows = [[type, str(count)] for type, count in growth.today.items()]
    return dg.AssetMaterialization(
        asset_key=EVENT_LOG.key,
        description=f"up to event {growth.seq}",
        metadata={
            "seq": growth.seq,
            "hash": growth.hash,
            "events today": sum(growth.today.values()),
            "today (UTC) by type": dg.MetadataValue.md(table(["type", "events"], rows) or "none"),
        },
        tags={"dagster/data_version": growth.hash[:16]},
    )
