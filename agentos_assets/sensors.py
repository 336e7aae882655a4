"""The sensors: `ready_tasks` starts a run when something has happened that a task waits for; `shown_tasks` shows tasks
that somebody else has moved."""

import dagster as dg

from agentos_assets.operating import operating
from agentos_assets.resources import PlatformResource


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
    from agentos.ids import short
    from agentos.platform import refuse_if_stopped
    from agentos_assets.ready import look, run_key

    try:
        with platform.store() as store:
            refuse_if_stopped(store.log, store.stop_file)
            ready, cursor = look(store, context.cursor, SystemClock().now())
    except (Refused, StorageError) as stopped:
        return dg.SkipReason(str(stopped))
    if not ready:
        return dg.SensorResult(
            skip_reason=f"Nothing can go on; {len(cursor.open)} task(s) are open.", cursor=str(cursor)
        )
    request = dg.RunRequest(
        run_key=run_key(ready),
        run_config={"ops": {"advance": {"config": {"tasks": [one.task for one in ready]}}}},
        tags={
            "agentos/trigger": ",".join(sorted({one.trigger for one in ready})),
            "agentos/because": ",".join(sorted({one.because for one in ready})),
            "agentos/task": short(ready[0].task) if len(ready) == 1 else f"{len(ready)} tasks",
        },
    )
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
