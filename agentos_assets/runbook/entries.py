"""What the runbook tells about, gathered from where it is declared: manifests, verbs, Dagster's definitions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import dagster as dg

from agentos.agent import Manifest
from agentos.effects.port import Verb
from agentos_assets.operating import ACT, FAILS, OUTCOME, UNWOUND, said

_REVERSIBLE = {
    "free": "can be undone without a trace that matters",
    "compensable": "can be made good{window}, and both stay on the record",
    "final": "can't be undone",
}
_REPEAT = {
    "same": "a repeat returns the first receipt",
    "refused": "a repeat is refused",
    "unsafe": "a repeat would happen twice, so a lost one asks",
}


@dataclass(frozen=True)
class Entry:
    """One part of the program. `facts`: what else its declaration says, by name, as Markdown in a line."""

    kind: str
    """agent | effect | sensor | schedule | job | check"""
    name: str
    outcome: str
    failure_modes: tuple[str, ...]
    unwound: str
    act: str
    facts: Mapping[str, str]

    @property
    def lacks(self) -> list[str]:
        told = {OUTCOME: self.outcome, FAILS: self.failure_modes, UNWOUND: self.unwound, ACT: self.act}
        return [name for name, text in told.items() if not text]


def agents(manifests: Iterable[Manifest]) -> Iterator[Entry]:
    for one in manifests:
        facts = {
            "model": "none" if one.tier == "none" else f"tier {one.tier}, {one.calls} call(s) a round",
            "runs": {"any": "", "edge": "only on this machine", "cloud": "in the cloud"}[one.placement],
            "may use": _code(one.capabilities),
            "may propose": _code(one.effects),
            "secrets": _code(one.secrets),
            "measured by": one.kpi,
        }
        yield Entry("agent", one.role, one.outcome, one.failure_modes, one.unwound, one.act, facts)


def effects(system: str, verbs: Mapping[str, Verb], way: str = "") -> Iterator[Entry]:
    """`way` tells apart two set-ups of one system."""
    for verb in verbs.values():
        window = f" within {verb.window}" if verb.window else ""
        facts = {
            "undo": _REVERSIBLE[verb.reversible].format(window=window),
            "after a loss": f"{_REPEAT[verb.repeat]}; that it is absent "
            + ("can be trusted at once" if verb.absence else "can't be trusted, so a card asks"),
            "held": "waits for `hold_minutes` of `agentos.toml` before it begins" if verb.held else "",
            "leaves the house": "yes" if verb.outgoing else "",
        }
        name = f"{system}.{verb.name}{f' {way}' if way else ''}"
        yield Entry("effect", name, verb.outcome, verb.failure_modes, verb.undo, verb.act, facts)


def shell(definitions: dg.Definitions) -> Iterator[Entry]:
    """Sensors, schedules, jobs and checks, each by name; Dagster's own jobs are left out."""
    repository = definitions.get_repository_def()
    for sensor in sorted(repository.sensor_defs, key=lambda one: one.name):
        every = f"every {sensor.minimum_interval_seconds} s" if sensor.minimum_interval_seconds else ""
        facts = {"does": sensor.description or "", "looks": every, "starts": _started(sensor.targets)}
        yield _declared("sensor", sensor.name, sensor.metadata, facts | _off(sensor.default_status.value))
    for schedule in sorted(repository.schedule_defs, key=lambda one: one.name):
        when = f"`{schedule.cron_schedule}` {schedule.execution_timezone or 'UTC'}"
        facts = {"does": schedule.description or "", "when": when, "starts": f"`{schedule.job_name}`"}
        yield _declared("schedule", schedule.name, schedule.metadata, facts | _off(schedule.default_status.value))
    for job in sorted(repository.get_all_jobs(), key=lambda one: one.name):
        if not job.name.startswith("__"):
            yield _declared("job", job.name, job.metadata, {"does": job.description or ""})
    for key in sorted(repository.asset_graph.asset_check_keys):
        spec = repository.asset_graph.get_check_spec(key)
        facts = {
            "looks at": f"`{key.asset_key.to_user_string()}`: {spec.description or ''}",
            "blocks": "what rests on it waits until it holds" if spec.blocking else "",
        }
        yield _declared("check", f"{key.asset_key.to_user_string()}.{key.name}", spec.metadata or {}, facts)


def _declared(kind: str, name: str, metadata: Mapping[str, Any], facts: Mapping[str, str]) -> Entry:
    fails = tuple(line.removeprefix("- ") for line in said(metadata, FAILS).splitlines())
    return Entry(kind, name, said(metadata, OUTCOME), fails, said(metadata, UNWOUND), said(metadata, ACT), facts)


def _started(targets: Iterable[Any]) -> str:
    return _code(one.job_name for one in targets if one.resolvable_to_job is not None)


def _off(status: str) -> dict[str, str]:
    return {} if status == "RUNNING" else {"off": "until it is switched on in Dagster's page"}


def _code(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
