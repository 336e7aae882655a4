"""The job `watch_business` and its schedule: what the monitor finds becomes a task, which `ready_tasks` takes on."""

import dagster as dg

from agentos_assets.operating import operating
from agentos_assets.resources import PlatformResource


@dg.op(name="watch", description="Looks at the views; opens a task for what is new, closes what is over.")
def watch_op(context: dg.OpExecutionContext, platform: PlatformResource) -> None:
    from agentos.monitor.watching import watch
    from agentos.platform import Stopped

    with platform.opened() as opened:
        try:
            seen = watch(opened)
        except Stopped as stopped:
            context.log.warning(f"{stopped} Nothing was looked at.")
            return
    counts = {status: sum(one.status == status for one in seen) for status in ("opened", "told", "waits", "over")}
    context.add_output_metadata({name: dg.MetadataValue.int(count) for name, count in counts.items()})


@dg.job(
    executor_def=dg.in_process_executor,
    description="Tells the operator what goes wrong slowly, once.",
    metadata=operating(
        outcome="What goes wrong slowly is on the desk before it is dear, on one card a kind.",
        failure_modes=(
            "monitor.toml holds a mistake: the run fails and names the line.",
            "It is killed: a finding and its task are one append, so the next look goes on.",
        ),
        unwound="Nothing to unwind: `agentos answer CARD seen` takes a card away.",
        act="Launch it by hand, or `agentos monitor`; set the thresholds in `monitor.toml`.",
    ),
)
def watch_business() -> None:
    watch_op()


watch_hourly = dg.ScheduleDefinition(
    name="watch_hourly",
    job=watch_business,
    cron_schedule="17 * * * *",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Overdue invoices, unfinished effects, waiting cards, failures, costs: every hour.",
    metadata=operating(
        outcome="Nobody has to think of looking.",
        failure_modes=("The machine is off at that time: the next hour does it.",),
        unwound="Nothing to unwind.",
        act="Stop it in Dagster's page to look only by hand, with `agentos monitor`.",
    ),
)
