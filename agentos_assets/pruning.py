"""Old runs are deleted: Dagster keeps them for ever otherwise. What the event log knows is not touched by it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import dagster as dg
from pydantic import Field

from agentos_assets.operating import operating
from agentos_assets.resources import PlatformResource
from agentos_assets.task_asset import TASK, materialisation

if TYPE_CHECKING:
    from agentos.platform import Store

_OVER = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
_CHECKED = dg.DagsterEventType.ASSET_CHECK_EVALUATION


class PruneConfig(dg.Config):
    keep_days: int = Field(default=30, ge=1, le=36_500, description="Runs that ended longer ago are deleted.")


@dg.op(
    name="prune",
    description="Deletes runs that ended long ago, with what they printed; tasks and views are shown as before.",
)
def prune_op(context: dg.OpExecutionContext, config: PruneConfig, platform: PlatformResource) -> None:
    before = datetime.now(UTC) - timedelta(days=config.keep_days)
    with platform.store() as store:
        deleted = prune(context.instance, store, before)
    context.log.info(f"{deleted} run(s) that ended before {before:%Y-%m-%d} were deleted.")


@dg.job(
    executor_def=dg.in_process_executor,
    description="Deletes old runs. Nothing of the event log goes with them.",
    metadata=operating(
        outcome="Dagster's own records stay small and quick, however long the business runs.",
        failure_modes=("It is killed half-way: what is deleted is deleted, the next one goes on.",),
        unwound="A deleted run does not come back; the event log still says all that it did.",
        act="Launch it by hand with another `keep_days`, or let the schedule try again.",
    ),
)
def prune_runs() -> None:
    prune_op()


prune_daily = dg.ScheduleDefinition(
    name="prune_daily",
    job=prune_runs,
    cron_schedule="37 3 * * *",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Old runs are deleted at night.",
    metadata=operating(
        outcome="Old runs are deleted without anybody thinking of it.",
        failure_modes=("The machine is off at that hour: the next night does it.",),
        unwound="See the job `prune_runs`.",
        act="`agentos status` says when it has been silent for days.",
    ),
)


def prune(instance: dg.DagsterInstance, store: "Store", before: datetime) -> int:
    """Delete what ended before, and return how many. A run that is the last word on an asset or a check stays, but for
    the asset `task`: its last word is said again from the log. Interrupted, it goes on the next time."""
    from agentos.tasks.run import stream_of
    from agentos.tasks.state import fold

    deleted = 0
    for run in _ended(instance, before):
        said = list(_last_words(instance, run))
        if any(key != TASK.key for key, _ in said):
            continue
        for _, task in said:
            state = fold(task, store.log.read(stream=stream_of(task)))
            instance.report_runless_asset_event(materialisation(state))
        instance.delete_run(run)
        instance.compute_log_manager.delete_logs(prefix=[run])
        deleted += 1
    return deleted


def _ended(instance: dg.DagsterInstance, before: datetime) -> list[str]:
    records = instance.get_run_records(dg.RunsFilter(statuses=_OVER, created_before=before))
    return [one.dagster_run.run_id for one in records if (one.end_time or 0.0) < before.timestamp()]


def _last_words(instance: dg.DagsterInstance, run: str) -> Iterator[tuple[dg.AssetKey, str]]:
    """(asset, task) of what only this run has said last; the task is "" but for the asset `task`."""
    for log in instance.all_logs(run, of_type={dg.DagsterEventType.ASSET_MATERIALIZATION, _CHECKED}):
        event = log.dagster_event
        if event is not None and event.event_type == _CHECKED:
            check = event.asset_check_evaluation_data.asset_check_key
            latest = instance.event_log_storage.get_latest_asset_check_execution_by_key([check]).get(check)
            if latest is not None and latest.run_id == run:
                yield check.asset_key, ""
        elif (said := log.asset_materialization) is not None and _latest_run(instance, said) == run:
            task = said.metadata.get("task") if said.asset_key == TASK.key else None
            yield said.asset_key, str(task.value).strip("`") if task else ""


def _latest_run(instance: dg.DagsterInstance, said: dg.AssetMaterialization) -> str:
    partitions = [said.partition] if said.partition else None
    wanted = dg.AssetRecordsFilter(asset_key=said.asset_key, asset_partitions=partitions)
    for record in instance.fetch_materializations(wanted, limit=1).records:
        return record.run_id
    return ""
