"""How often each sensor and schedule is to be heard: all of them are evaluated in the code server, so it listens."""

from __future__ import annotations

import time
from importlib import import_module
from itertools import islice, pairwise

import dagster as dg
from dagster._core.definitions.reconstruct import repository_def_from_target_def
from dagster._utils.schedules import schedule_execution_time_iterator

LEAST = 180.0
"""Seconds of silence that are right for the most eager sensor: ticks wait for one another."""
TIMES = 6


def limits_of(module: str) -> dict[str, float]:
    """The same for what stands in a module as `defs`, in whichever form Dagster takes."""
    repository = repository_def_from_target_def(import_module(module).defs)
    return limits(repository) if repository is not None else {}


def limits(repository: dg.RepositoryDefinition) -> dict[str, float]:
    """Name -> seconds of silence that are right, for all that runs unless the operator switches it off."""
    running = dg.DefaultSensorStatus.RUNNING
    found = {
        sensor.name: max(LEAST, TIMES * float(sensor.minimum_interval_seconds or 30))
        for sensor in repository.sensor_defs
        if sensor.default_status == running and not sensor.sensor_type.is_handled_by_asset_daemon
    }
    for schedule in repository.schedule_defs:
        if schedule.default_status == dg.DefaultScheduleStatus.RUNNING:
            found[schedule.name] = LEAST + 2 * _longest_pause(schedule)
    return found


def _longest_pause(schedule: dg.ScheduleDefinition) -> float:
    """Seconds between two of its next times."""
    coming = schedule_execution_time_iterator(time.time(), schedule.cron_schedule, schedule.execution_timezone)
    times = [at.timestamp() for at in islice(coming, 8)]
    return max(after - before for before, after in pairwise(times))
