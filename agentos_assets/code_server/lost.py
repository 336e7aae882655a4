"""Runs without a process: those of a code server that is gone, and those that a reload ends."""

from __future__ import annotations

import json
import time

import dagster as dg
from dagster._core.storage.tags import GRPC_INFO_TAG

END_WITHIN = 5.0
"""Seconds for runs to end when definitions are loaded again; what is left then is killed with the server's group."""
_BEGUN = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]
_TAKEN_UP = "What it had recorded stands; tasks that it held are taken up again by the next run."


def close_lost_runs(instance: dg.DagsterInstance, socket: str) -> list[str]:
    """Before the first request is answered, no run of this socket has a process: whatever is begun is lost. Marks it
    so and returns the runs' ids. The supervisor's lock says that there is no second server."""
    lost = [run for run in instance.get_runs(dg.RunsFilter(statuses=_BEGUN)) if _socket_of(run) == socket]
    for run in lost:
        words = f"The process of this run is gone: it was killed, or the machine was restarted. {_TAKEN_UP}"
        if run.status == dg.DagsterRunStatus.CANCELING:
            instance.report_run_canceled(run, words)
        else:
            instance.report_run_failed(run, words)
    return [run.run_id for run in lost]


def end_runs(instance: dg.DagsterInstance) -> None:
    """Ask all runs to end, as the page's "Terminate" does, and wait up to END_WITHIN seconds."""
    for run in instance.get_runs(dg.RunsFilter(statuses=_BEGUN)):
        instance.report_engine_event(f"Definitions are loaded again. {_TAKEN_UP}", run)
        instance.run_launcher.terminate(run.run_id)
    until = time.monotonic() + END_WITHIN
    while time.monotonic() < until and instance.get_runs(dg.RunsFilter(statuses=_BEGUN), limit=1):
        time.sleep(0.1)


def _socket_of(run: dg.DagsterRun) -> str:
    return str(json.loads(run.tags.get(GRPC_INFO_TAG, "{}")).get("socket", ""))
