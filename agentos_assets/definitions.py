"""What Dagster loads. Every run builds it again, so it stays cheap: no workspace, no log, no graph, no Polars."""

import dagster as dg

from agentos_assets.backfills.replayed import replayed_days
from agentos_assets.backfills.what_if import what_if
from agentos_assets.checks.outside import look_outside
from agentos_assets.checks.views import view_checks
from agentos_assets.event_log import EVENT_LOG, log_growth
from agentos_assets.glance.asset import at_a_glance
from agentos_assets.history import history_asset, unsealed_days
from agentos_assets.jobs import advance_tasks
from agentos_assets.monitoring import watch_business, watch_hourly
from agentos_assets.partitions import days
from agentos_assets.pruning import prune_daily, prune_runs
from agentos_assets.reconciling import reconcile_outside, reconciliation
from agentos_assets.resources import PlatformResource
from agentos_assets.runbook.asset import runbook
from agentos_assets.sensors import failed_runs, ready_tasks, shown_tasks
from agentos_assets.sql import ViewsDatabase, sql_views
from agentos_assets.task_asset import TASK
from agentos_assets.views.assets import view_assets
from agentos_assets.views.freshness import freshness_sensor


@dg.definitions
def defs() -> dg.Definitions:
    by_day = days()
    backfilled = [history_asset(by_day), replayed_days(by_day), what_if(by_day)]
    return dg.Definitions(
        assets=[EVENT_LOG, TASK, *backfilled, view_assets(), sql_views(), runbook, at_a_glance],
        asset_checks=[*view_checks(), look_outside],
        jobs=[advance_tasks, reconcile_outside, watch_business, prune_runs],
        schedules=[reconciliation, watch_hourly, prune_daily],
        sensors=[ready_tasks, shown_tasks, failed_runs, log_growth, unsealed_days, freshness_sensor()],
        resources={"platform": PlatformResource(), "views_database": ViewsDatabase()},
        executor=dg.in_process_executor,
    )
