"""The schedule `reconciliation`: every outside system is held against the log, and what differs becomes a repair task.

Dagster is told ids, counts and states; what differs, and whose it is, stands in the log.
"""

import dagster as dg

from agentos_assets.operating import operating
from agentos_assets.resources import PlatformResource


@dg.op(name="reconcile", description="Holds every outside system against the log; what differs becomes a repair task.")
def reconcile_op(context: dg.OpExecutionContext, platform: PlatformResource) -> None:
    from agentos.errors import Refused
    from agentos.reconcile.observing import reconcile

    with platform.opened() as opened:
        try:
            reports = reconcile(opened)
        except Refused as refused:
            context.log.warning(f"{refused} Nothing was compared.")
            return
    for report in reports:
        counts = report.counts()
        context.log.info(f"{report.system}: {counts['differences']} of {counts['compared']} differ.")
        if not report.looked:
            context.log.warning(f"{report.system} could not be looked at; `agentos reconcile` says why.")
    context.add_output_metadata({report.system: report.counts() for report in reports})


@dg.job(
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
def reconcile_outside() -> None:
    reconcile_op()


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
