"""The asset `at_a_glance`."""

import dagster as dg

from agentos_assets.resources import PlatformResource
from agentos_assets.views.freshness import fresh_and_hourly

NAME = "at_a_glance"


@dg.asset(
    name=NAME,
    description="Start here: why tasks are parked, what each client owes, what yesterday cost, which check failed and "
    "what was done about it. Each answer, under Metadata, says where more of it stands.",
    group_name="overview",
    kinds={"markdown"},
    owners=["team:operator"],
    code_version="1",
    deps=["tasks", "receivables", "costs", "drifts"],
    automation_condition=fresh_and_hourly(),
)
def at_a_glance(context: dg.AssetExecutionContext, platform: PlatformResource) -> dg.MaterializeResult[None]:
    from agentos_assets.checks.results import checked
    from agentos_assets.definitions import defs
    from agentos_assets.glance.answers import answers
    from agentos_assets.views.assets import today_at

    found = checked(context.instance, defs().get_repository_def().asset_graph.asset_check_keys)
    told = answers(platform.root, today_at(platform.root), found)
    return dg.MaterializeResult(metadata={heading: dg.MetadataValue.md(text) for heading, text in told.items()})
