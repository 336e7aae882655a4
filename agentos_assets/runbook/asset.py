"""The asset `runbook`."""

import dagster as dg

from agentos_assets.resources import PlatformResource
from agentos_assets.views.freshness import hourly

GROUP = "overview"


@dg.asset(
    name="runbook",
    description="What every part is for, how it fails, how it is unwound, what to do, and how it stands. Also as "
    "`state/views/runbook.md`.",
    group_name=GROUP,
    kinds={"markdown"},
    owners=["team:operator"],
    code_version="1",
    deps=["steps", "effects"],
    automation_condition=hourly(),
)
def runbook(context: dg.AssetExecutionContext, platform: PlatformResource) -> dg.MaterializeResult[None]:
    from agentos.clock import SystemClock
    from agentos_assets.definitions import defs
    from agentos_assets.runbook.living import write

    with platform.store() as store:
        text = write(store, defs(), context.instance, SystemClock().now())
    return dg.MaterializeResult(metadata={"runbook": dg.MetadataValue.md(text)})
