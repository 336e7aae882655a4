"""The job and the schedule that hold every outside system against the log: see `agentos_assets.checks.outside`."""

import dagster as dg

from agentos_assets.checks.outside import look_outside
from agentos_assets.operating import operating

reconcile_outside = dg.define_asset_job(
    "reconcile_outside",
    selection=dg.AssetSelection.checks(look_outside),
    executor_def=dg.in_process_executor,
    description="Holds every outside system against the log.",
    metadata=operating(
        outcome="What was published, issued, booked and sent still stands, or the operator knows.",
        failure_modes=(
            "A system can't be looked at: nothing is said of it, and the next look tries again.",
            "More differs than may be repaired on one day: the rest waits.",
        ),
        unwound="Nothing was changed outside; a repair is a task of its own, which asks.",
        act="`agentos reconcile` looks now and says what differs; answer the cards of `agentos desk`.",
    ),
)

reconciliation = dg.ScheduleDefinition(
    name="reconciliation",
    job=reconcile_outside,
    cron_schedule="17 * * * *",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Every hour: does the outside world agree with the log?",
    metadata=operating(
        outcome="A difference is found within the hour, without anybody thinking of it.",
        failure_modes=("The platform is stopped, or was restored: nothing is recorded until `agentos start`.",),
        unwound="See the job `reconcile_outside`.",
        act="`agentos status` lists what differs; `agentos reconcile` looks at once.",
    ),
)
