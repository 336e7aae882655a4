"""The sensors: `ready_tasks` starts a run when something has happened that a task waits for; `shown_tasks` shows tasks
that somebody else has moved."""

from datetime import timedelta

import dagster as dg

from agentos_assets.operating import operating
from agentos_assets.resources import PlatformResource

LEFT_ALONE = 60.0
"""Seconds that a lingering run is trusted to take up everything; a longer one may be full, and gets help."""
GRACE = timedelta(seconds=8)
"""What the code server, which starts runs at once, is given before the sensor does."""


@dg.sensor(
    job_name="advance_tasks",  # by name: with the job itself, Dagster warns of its own beta parameter
    minimum_interval_seconds=5,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="A task is new, answered, due, or left by a worker that died: asks for one run for all of them.",
    metadata=operating(
        outcome="Nothing that can go on lies about, whoever asked for it and wherever.",
        failure_modes=(
            "The platform is stopped: it skips and says why.",
            "A run it asked for never begins: it asks again, after a pause that doubles.",
            "Its cursor is lost or reset, or a backup was restored: it looks at everything again, which does no harm.",
        ),
        act="Look at its ticks; `agentos resume` does the same by hand. After `agentos stop`, `agentos start`.",
    ),
)
def ready_tasks(context: dg.SensorEvaluationContext, platform: PlatformResource) -> dg.SensorResult | dg.SkipReason:
    from agentos.clock import SystemClock
    from agentos.errors import Refused, StorageError
    from agentos.platform import refuse_if_stopped
    from agentos_assets.attending import CREW, STARTER, attended_for
    from agentos_assets.ready import look, run_config, run_key, run_tags

    try:
        with platform.store() as store:
            refuse_if_stopped(store.log, store.stop_file)
            if (attended := attended_for(store.leases, CREW)) is not None and attended < LEFT_ALONE:
                return dg.SkipReason("A run is at it, and takes up whatever can go on.")
            grace = GRACE if attended_for(store.leases, STARTER) is not None else timedelta()
            ready, cursor = look(store, context.cursor, SystemClock().now(), grace)
    except (Refused, StorageError) as stopped:
        return dg.SkipReason(str(stopped))
    if not ready:
        return dg.SensorResult(
            skip_reason=f"Nothing can go on; {len(cursor.open)} task(s) are open.", cursor=str(cursor)
        )
    request = dg.RunRequest(run_key=run_key(ready), run_config=run_config(ready), tags=run_tags(ready))
    return dg.SensorResult(run_requests=[request], cursor=str(cursor))


@dg.sensor(
    minimum_interval_seconds=5,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Shows every task of the log as it stands: those advanced from the terminal, and earlier ones, too.",
    metadata=operating(
        outcome="Dagster's page shows each task as it stands, whoever has moved it.",
        failure_modes=(
            "A long history is behind: it is caught up with in several ticks.",
            "Its cursor is lost: it reads the log again and shows nothing twice.",
        ),
        act="Nothing is lost while it fails: `agentos status` reads the log itself.",
    ),
)
def shown_tasks(context: dg.SensorEvaluationContext, platform: PlatformResource) -> dg.SensorResult | dg.SkipReason:
    from agentos.errors import Refused, StorageError
    from agentos_assets.showing import moved
    from agentos_assets.task_asset import TASKS, materialisation, partition_of, shown_seq

    try:
        with platform.store() as store:
            states, position = moved(store, context.cursor)
    except (Refused, StorageError) as unreadable:
        return dg.SkipReason(str(unreadable))
    news = [state for state in states if shown_seq(context.instance, state.id) < state.seq]
    if not news:
        return dg.SensorResult(skip_reason="Dagster shows every task as it stands.", cursor=str(position))
    partitions = TASKS.build_add_request([partition_of(state.id) for state in news])
    return dg.SensorResult(
        dynamic_partitions_requests=[partitions],
        asset_events=[materialisation(state) for state in news],
        cursor=str(position),
    )


@dg.run_failure_sensor(
    minimum_interval_seconds=15,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Notes a run that failed, for `agentos up` and `agentos status`. Its tasks go on by themselves.",
    metadata=operating(
        outcome="A run that failed is seen by the operator without looking for it.",
        failure_modes=("It is silent: `agentos status` shows no failures, but says that it has fallen silent.",),
        act="Open the run in Dagster's page; its log says where. Tasks it held are taken up again by themselves.",
    ),
)
def failed_runs(context: dg.RunFailureSensorContext, platform: PlatformResource) -> None:
    from datetime import UTC, datetime

    from agentos.workspace.pulse import FailedRun, note_failure

    run = context.dagster_run
    note_failure(platform.root, FailedRun(run.run_id, run.job_name, datetime.now(UTC)))
