"""The sensor `ready_tasks`: starts a run when something has happened that a task waits for."""

import dagster as dg

from agentos_assets.resources import PlatformResource


@dg.sensor(
    job_name="advance_tasks",  # by name: with the job itself, Dagster warns of its own beta parameter
    minimum_interval_seconds=5,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="A task is new, answered, due, or left by a worker that died: asks for one run for all of them.",
)
def ready_tasks(context: dg.SensorEvaluationContext, platform: PlatformResource) -> dg.SensorResult | dg.SkipReason:
    from agentos.clock import SystemClock
    from agentos.ids import short
    from agentos.platform import Stopped, refuse_if_stopped
    from agentos_assets.ready import look, run_key

    with platform.store() as store:
        try:
            refuse_if_stopped(store.log, store.stop_file)
        except Stopped as stopped:
            return dg.SkipReason(str(stopped))
        ready, cursor = look(store, context.cursor, SystemClock().now())
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
