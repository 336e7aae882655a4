"""How each part stands: what the log says of agents and effects, and what Dagster's store says of the rest.

Ids, codes, counts and times only: the page is shown by Dagster.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import polars as pl

from agentos.events.log import Reader
from agentos.views.read import read_view
from agentos_assets.describe import moment

A_WEEK = timedelta(days=7)
Lines = Iterator[tuple[tuple[str, str], str]]
"""((kind, name), a line about how it stands)."""


def of_agents(root: Path, now: datetime) -> Lines:
    steps = read_view(root, "steps")
    for (agent,), all_of_it in steps.group_by("agent", maintain_order=True):
        week = all_of_it.filter(pl.col("ended_at") > now - A_WEEK)
        done = all_of_it.filter(pl.col("status") == "completed")
        sure = week["confidence"].drop_nulls().mean()
        parts = [
            f"last success {_moment(done['ended_at'].max())}",
            f"this week {week.height} step(s), {week['failures'].sum()} failed attempt(s)",
            *([f"mean confidence {sure:.0%}"] if isinstance(sure, float) else []),
            _codes(week.filter(pl.col("status") == "failed")),
        ]
        yield ("agent", str(agent)), "; ".join(part for part in parts if part)


def of_effects(root: Path, circuits: dict[str, str], now: datetime) -> Lines:
    """Circuits are by account, and so stand beside every verb of it."""
    effects = read_view(root, "effects")
    for (system, verb, account), all_of_it in effects.group_by("system", "verb", "account", maintain_order=True):
        week = all_of_it.filter(pl.col("started_at") > now - A_WEEK)
        states = ", ".join(f"{count} {status}" for status, count in week.group_by("status").len().sort("status").rows())
        parts = [
            f"last success {_moment(all_of_it['done_at'].max())}",
            f"this week {states or 'none'}",
            _codes(week.filter(pl.col("status") == "failed")),
            f"**circuit open until {circuits[str(account)]}**" if account in circuits else "",
        ]
        yield ("effect", f"{system}.{verb}"), "; ".join(part for part in parts if part)


def open_circuits(log: Reader, now: datetime) -> dict[str, str]:
    """Circuit -> until when it is left alone, as the log says."""
    found: dict[str, datetime] = {}
    for record in log.read(types=("circuit.opened", "circuit.closed")):
        found.pop(record.data["circuit"], None)
        if record.type == "circuit.opened":
            found[record.data["circuit"]] = datetime.fromisoformat(record.data["until"])
    return {name: _moment(until) for name, until in sorted(found.items()) if until > now}


def of_jobs(instance: dg.DagsterInstance, jobs: list[str], now: datetime) -> Lines:
    for name in jobs:
        good = dg.RunsFilter(job_name=name, statuses=[dg.DagsterRunStatus.SUCCESS])
        bad = dg.RunsFilter(job_name=name, statuses=[dg.DagsterRunStatus.FAILURE], created_after=now - A_WEEK)
        last = next(iter(instance.get_run_records(good, limit=1)), None)
        when = _moment(last.create_timestamp if last else None)
        yield ("job", name), f"last success {when}; this week {instance.get_runs_count(bad)} failed run(s)"


def of_ticks(instance: dg.DagsterInstance, now: datetime) -> Lines:
    """Sensors and schedules that have ever been asked."""
    from dagster._core.scheduler.instigation import TickStatus

    for state in instance.all_instigator_state() if instance.schedule_storage is not None else ():
        kind = state.instigator_type.value.lower()
        of = (state.instigator_origin_id, state.selector_id)
        good = instance.get_ticks(*of, statuses=[TickStatus.SUCCESS, TickStatus.SKIPPED], limit=1)
        bad = instance.get_ticks(*of, statuses=[TickStatus.FAILURE], after=(now - A_WEEK).timestamp())
        last = _moment(datetime.fromtimestamp(good[0].timestamp, UTC) if good else None)
        off = "" if state.is_running else "; **it is switched off**"
        yield (kind, state.name), f"last good tick {last}; this week {len(bad)} failed{off}"


def of_checks(instance: dg.DagsterInstance, checks: list[dg.AssetCheckKey]) -> Lines:
    found = instance.event_log_storage.get_latest_asset_check_execution_by_key(checks) if checks else {}
    for key, record in found.items():
        at = datetime.fromtimestamp(record.create_timestamp, UTC)
        yield (
            ("check", f"{key.asset_key.to_user_string()}.{key.name}"),
            f"{record.status.value.lower()} at {_moment(at)}",
        )


def _codes(failed: pl.DataFrame) -> str:
    codes = failed.group_by("code").len().drop_nulls().sort("len", descending=True)
    return ", ".join(f"`{code}` {count} time(s)" for code, count in codes.head(5).rows())


def _moment(at: object) -> str:
    return moment(at) if isinstance(at, datetime) else "never"
