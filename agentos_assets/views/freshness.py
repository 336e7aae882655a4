"""When views are made again: the log has grown, or a new day says something else of the same events."""

from typing import Any

import dagster as dg

from agentos_assets.operating import operating

A_NEW_DAY = "10 */3 * * *"
"""UTC. The operator's midnight is somewhere between; a view that is up to date costs nothing."""
EVERY_HOUR = "20 * * * *"
Condition = dg.AutomationCondition[Any]
TRIGGER = {"agentos/trigger": "views"}
"""The tag of runs that make views fresh."""


def fresh(*, dated: bool = False) -> Condition:
    """Something it is made from has changed since a run was asked for, and no run is at it.

    "Since a run was asked for" and not "since it was made": what changes while a run reads would be passed over. The
    tick after the asking is blind all the same; `log_growth` reports no second time so soon, and looks whether the
    views have followed. That a day was sealed changes nothing of what they say. A run of views appends nothing to the
    log, so it does not cause another one.
    """
    if dated:
        return _held(_changed() | dg.AutomationCondition.cron_tick_passed(A_NEW_DAY), "fresh, and on a new day")
    return _held(_changed(), "fresh")


def fresh_and_hourly() -> Condition:
    """For what tells of checks, too: they come to a result without the log's growing."""
    return _held(_changed() | dg.AutomationCondition.cron_tick_passed(EVERY_HOUR), "fresh, and every hour")


def hourly() -> Condition:
    hour = dg.AutomationCondition.cron_tick_passed(EVERY_HOUR)
    return _held(hour | dg.AutomationCondition.newly_missing(), "every hour")


def _changed() -> Condition:
    happened = dg.AutomationCondition.any_deps_updated().ignore(dg.AssetSelection.assets("history"))
    return happened | dg.AutomationCondition.newly_missing()


def _held(trigger: Condition, label: str) -> Condition:
    held = trigger.since(dg.AutomationCondition.newly_requested()) & ~dg.AutomationCondition.in_progress()
    return held.with_label(label)


def freshness_sensor() -> dg.AutomationConditionSensorDefinition:
    return dg.AutomationConditionSensorDefinition(
        "fresh_views",
        target=dg.AssetSelection.all(),
        default_status=dg.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=10,
        run_tags=TRIGGER,
        description="The log has grown: asks for one run that makes every view fresh.",
        metadata=operating(
            outcome="Whoever looks at a view sees what has happened up to a minute ago.",
            failure_modes=(
                "A run fails: the views stay as they were, whole, and the next event asks for another run.",
                "It is switched off: views are made fresh only by hand.",
            ),
            act="Materialise the views by hand; each is made from the log, so nothing can be lost by it.",
        ),
    )
