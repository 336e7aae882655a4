"""The asset `what_if`: days of history under another policy or at other models' prices, in logs of their own."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import dagster as dg
from pydantic import Field

from agentos_assets.backfills.opening import name_of, partitions_of
from agentos_assets.partitions import in_chunks
from agentos_assets.resources import PlatformResource

if TYPE_CHECKING:
    from graphs.whatif import DayComparison

NAME = "what_if"


class WhatIfConfig(dg.Config):
    """Asked for by the asset's own dialog."""

    policy: str = Field(
        default="",
        description="What if this policy had held? A file below the workspace, such as strict.toml, or its text.",
    )
    models: list[str] = Field(
        default=[],
        description="What if models had cost this? As large=gpt-5, or large=2.50/10 (dollars per million tokens).",
    )


def what_if(days: dg.DailyPartitionsDefinition) -> dg.AssetsDefinition:
    with in_chunks() as policy:

        @dg.asset(
            name=NAME,
            description="What would have been allowed, asked or refused, and what it would have cost. Nothing is "
            "called and nothing outside is touched; its logs lie in `state/replays/`. A partition is a day of the "
            "business's own clock, with the tasks that were opened on it.",
            group_name="replay",
            kinds={"python"},
            owners=["team:operator"],
            code_version="1",
            deps=["history"],
            partitions_def=days,
            backfill_policy=policy,
        )
        def what_if(
            context: dg.AssetExecutionContext, config: WhatIfConfig, platform: PlatformResource
        ) -> dg.MaterializeResult[None]:
            from agentos_assets.backfills.opening import play
            from agentos_assets.backfills.side_by_side import summed

            name = name_of(context.run, context.instance)
            found = dict(play(platform, name, partitions_of(context), config.policy, config.models))
            for day, report in found.items():
                context.add_asset_metadata(_told([report]), partition_key=day.isoformat())
            return dg.MaterializeResult(
                metadata={f"{len(found)} day(s) of this run": dg.MetadataValue.md(summed(found.values()))}
            )

    return what_if


def _told(reports: Iterable["DayComparison"]) -> dict[str, dg.MetadataValue[Any]]:
    from agentos_assets.backfills.side_by_side import otherwise, summed

    days = list(reports)
    told = {"side by side": summed(days), "otherwise": otherwise(days)}
    return {name: dg.MetadataValue.md(text) for name, text in told.items() if text}
