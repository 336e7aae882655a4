"""The asset `replayed_days`: every task of a day made again from its record, and held against what was recorded."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import TYPE_CHECKING, Any

import dagster as dg

from agentos_assets.backfills.opening import name_of, partitions_of
from agentos_assets.describe import table
from agentos_assets.operating import operating
from agentos_assets.partitions import in_chunks
from agentos_assets.resources import PlatformResource

if TYPE_CHECKING:
    from graphs.backfill import DayReport

NAME, CHECK = "replayed_days", "made_again_the_same"
_CHECK = dg.AssetCheckSpec(
    CHECK,
    asset=NAME,
    description="Every task of the days is made again as it was recorded, to the byte.",
    metadata=operating(
        outcome="What the program does today is what it did then, so that history can be trusted and explained.",
        failure_modes=(
            "A task is made otherwise: by a newer program or agent, or because the record was altered.",
            "A task of a forgotten client can't be made again: it is passed over and counted.",
        ),
        act="`agentos replay TASK` says what is otherwise; `agentos log verify` whether the record is whole.",
    ),
)


def replayed_days(days: dg.DailyPartitionsDefinition) -> dg.AssetsDefinition:
    with in_chunks() as policy:

        @dg.asset(
            name=NAME,
            description="Days replayed: recorded answers, nothing called, nothing written. A partition is a day of the "
            "business's own clock, with the tasks that were opened on it.",
            group_name="replay",
            kinds={"python"},
            owners=["team:operator"],
            code_version="1",
            deps=["history"],
            partitions_def=days,
            backfill_policy=policy,
            check_specs=[_CHECK],
        )
        def replayed_days(context: dg.AssetExecutionContext, platform: PlatformResource) -> dg.MaterializeResult:  # type: ignore[type-arg]  # beside a check Dagster knows it only bare
            from agentos_assets.backfills.opening import replay

            found = dict(replay(platform, name_of(context.run, context.instance), partitions_of(context)))
            for day, report in found.items():
                context.add_asset_metadata(_told(report), partition_key=day.isoformat())
            return dg.MaterializeResult(check_results=[_checked(found)])

    return replayed_days


def _told(day: "DayReport") -> dict[str, dg.MetadataValue[Any]]:
    told: dict[str, dg.MetadataValue[Any]] = {
        "tasks": dg.MetadataValue.int(len(day.tasks)),
        "events made again": dg.MetadataValue.int(day.events),
        "different": dg.MetadataValue.int(len(day.different)),
        "forgotten": dg.MetadataValue.int(sum(task.said == "forgotten" for task in day.tasks)),
    }
    return told | ({"differences": dg.MetadataValue.md(_differences([day]))} if day.different else {})


def _differences(days: Iterable["DayReport"]) -> str:
    rows = [
        [f"{day.day}", f"`agentos replay {task.task}`", str(task.event or ""), task.type, task.step]
        for day in days
        for task in day.different
    ]
    return table(["day", "what is otherwise", "event", "type", "step"], rows)


def _checked(found: Mapping[date, "DayReport"]) -> dg.AssetCheckResult:
    different = sum(len(report.different) for report in found.values())
    metadata: dict[str, Any] = {"days": len(found), "different": different}
    if different:
        metadata["differences"] = dg.MetadataValue.md(_differences(found.values()))
    return dg.AssetCheckResult(passed=not different, check_name=CHECK, metadata=metadata)
