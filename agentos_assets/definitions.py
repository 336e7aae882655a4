"""What Dagster loads. Every run evaluates it again, so it stays cheap: no workspace, no log, no graph is touched."""

import dagster as dg

from agentos_assets.jobs import advance_tasks
from agentos_assets.pruning import prune_daily, prune_runs
from agentos_assets.reconciling import reconcile_outside, reconciliation
from agentos_assets.resources import PlatformResource
from agentos_assets.sensors import failed_runs, ready_tasks, shown_tasks
from agentos_assets.task_asset import TASK

defs = dg.Definitions(
    assets=[TASK],
    jobs=[advance_tasks, reconcile_outside, prune_runs],
    schedules=[reconciliation, prune_daily],
    sensors=[ready_tasks, shown_tasks, failed_runs],
    resources={"platform": PlatformResource()},
    executor=dg.in_process_executor,
)
