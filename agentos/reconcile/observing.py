"""Looking at an outside system, and recording what has changed since the last look: drift that came, with its repair
task in the same append, and drift that is gone. A look that finds what is known appends nothing.

Dagster's schedule, its checks and `agentos reconcile` call `observe_and_record`; twice at once is harmless, because a
fingerprint is detected, repaired and told about under keys of its own.
"""

from __future__ import annotations

from agentos.effects.port import Observed, System
from agentos.errors import Conflict, InDoubt, Permanent, Refused, Transient
from agentos.events.epoch import unobserved
from agentos.platform import RESTORED, Platform, Stopped, refuse_if_stopped
from agentos.reconcile.changes import Changes, Moved
from agentos.reconcile.drift import Drift, Standing, compare
from agentos.reconcile.report import Finding, Report
from agentos.reconcile.settling import settle
from agentos.reconcile.standing import standing
from agentos.reconcile.state import TYPES, Drifts, fold

MOST_LOOKS = 5


def reconcile(platform: Platform) -> list[Report]:
    """Every system, one after the other. Raises Refused after a restore that nobody has looked after yet."""
    return [observe_and_record(platform, name) for name in platform.systems]


def observe_and_record(platform: Platform, name: str) -> Report:
    """Hold one system against the log. Raises Refused after a restore that nobody has looked after yet: then
    `agentos start` adopts first what happened since the backup."""
    if unobserved(platform.log) is not None:
        raise Refused(RESTORED, hint="agentos start looks, and goes on.", code="platform.unobserved")
    recording = _may_record(platform)
    if recording:
        settle(platform)
    for _ in range(MOST_LOOKS):
        report = _look(platform, platform.systems[name], recording)
        if report is not None:
            return report
    return Report(name, looked=False, why="The log does not come to rest; look again in a moment.")


def _may_record(platform: Platform) -> bool:
    """A stopped platform, and a log that is not what was written, is looked at and not added to."""
    try:
        refuse_if_stopped(platform.log, platform.store.stop_file)
    except Stopped:
        return False
    return True


def _look(platform: Platform, system: System, recording: bool) -> Report | None:
    """None when another observer came between."""
    before, _ = platform.log.head()
    try:
        seen: list[Observed] = list(system.observe())
    except (Transient, InDoubt, Permanent) as error:
        return Report(system.name, looked=False, why=str(error))
    except (OSError, ValueError) as error:
        return Report(system.name, looked=False, why=f"It could not be looked at: {error}")
    after, _ = platform.log.head()
    stands = standing(platform, system, before)
    drifts = fold(platform.log.read(types=TYPES))
    found = compare(stands, seen, drifts.kept)
    changes = Changes(platform, stands, drifts, found, after, {thing.key or thing.ref: thing for thing in seen})
    if recording:
        try:
            platform.log.append(changes.decide)
        except (Moved, Conflict):
            return None
    return _report(platform, stands, found, changes)


def _report(platform: Platform, stands: Standing, found: list[Drift], changes: Changes) -> Report:
    drifts = fold(platform.log.read(types=TYPES))
    report = Report(stands.system, compared=len(stands.expected), unsettled=len(stands.unsettled - {""}))
    report.findings = [_finding(one, drifts) for one in found if one.thing not in changes.touched]
    report.opened, report.closed = list(changes.opened), list(changes.gone)
    return report


def _finding(one: Drift, drifts: Drifts) -> Finding:
    state, repair = drifts.known.get(one.fingerprint), drifts.repairs.get(one.fingerprint)
    if state is None or not state.open:
        return Finding(one, "seen")
    if state.escalated:
        return Finding(one, "told", repair.task if repair is not None else drifts.repaired.get(one.thing))
    if repair is None:
        return Finding(one, "waits")
    return Finding(one, "asked", repair.task)
