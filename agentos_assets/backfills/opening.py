"""Opening a workspace to replay it: no secret, nothing of the environment; and what a run is asked to do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg

from agentos_assets.resources import PlatformResource

if TYPE_CHECKING:
    from agentos.platform import Platform
    from graphs.backfill import DayReport
    from graphs.whatif import Change, DayComparison

_SUCCESS = "COMPLETED_SUCCESS"
BACKFILL, BEFORE = "dagster/backfill", "dagster/parent_backfill_id"


def partitions_of(context: dg.AssetExecutionContext) -> list[date]:
    return [date.fromisoformat(key) for key in context.partition_keys]


def name_of(run: dg.DagsterRun, instance: dg.DagsterInstance) -> str:
    """The same for every run of a backfill, and for a run or a backfill that is executed again because it came to no
    good end: they go on where it was. What succeeded begins anew when it is executed again."""
    parent = instance.get_run_by_id(run.parent_run_id) if run.parent_run_id else None
    if parent is not None and parent.status != dg.DagsterRunStatus.SUCCESS:
        return name_of(parent, instance)
    return _begun(run.tags.get(BACKFILL), run.tags.get(BEFORE), instance) or run.run_id


def _begun(backfill: str | None, before: str | None, instance: dg.DagsterInstance) -> str | None:
    """The first of the backfills that were executed again, one upon another, since one did not succeed."""
    while before is not None:
        parent = instance.get_backfill(before)
        if parent is None or parent.status.value == _SUCCESS:
            break
        backfill, before = before, parent.tags.get(BEFORE)
    return backfill


def replay(resource: PlatformResource, name: str, days: Sequence[date]) -> Iterator[tuple[date, DayReport]]:
    from agentos_assets.backfills.days import day_by_day
    from graphs.backfill import DayReport, replay_day

    with _opened(resource) as platform:

        async def work(day: date, folder: Path) -> dict[str, Any]:
            return (await replay_day(platform, day)).to_dict()

        for day, report in day_by_day(_replays(platform), f"replay-{name}-{_asked()}", days, work):
            yield day, DayReport.from_dict(report)


def play(
    resource: PlatformResource, name: str, days: Sequence[date], policy: str, models: Sequence[str]
) -> Iterator[tuple[date, DayComparison]]:
    """Under this policy (a path below the workspace, or TOML text; "" for the one of then) and these models."""
    from agentos_assets.backfills.changes import change_of
    from agentos_assets.backfills.days import day_by_day
    from graphs.whatif import DayComparison, what_if_day

    with _opened(resource) as platform:
        change: Change = change_of(platform, policy, models)

        async def work(day: date, folder: Path) -> dict[str, Any]:
            return (await what_if_day(platform, day, change, folder)).to_dict()

        asked = _asked(change.policy.model_dump_json() if change.policy is not None else "", *sorted(models))
        for day, report in day_by_day(_replays(platform), f"what-if-{name}-{asked}", days, work):
            yield day, DayComparison.from_dict(report)


def _asked(*what: str) -> str:
    """Of what is asked, and by which program: executed again with another question, nothing is taken from before."""
    from importlib.metadata import version

    from agentos.ids import digest

    return digest(repr((version("agentos-solo"), what)).encode())[:8]


def _replays(platform: Platform) -> Path:
    return platform.store.root / "state" / "replays"


@contextmanager
def _opened(resource: PlatformResource) -> Iterator[Platform]:
    from graphs.opening import open_platform

    platform = open_platform(resource.root, environ={})
    try:
        yield platform
    finally:
        platform.store.close()
