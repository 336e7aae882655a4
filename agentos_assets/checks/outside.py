"""Reconciliation: a look at every outside system, as checks of the views that tell what was done there.

What differs is recorded by `agentos.reconcile`, which opens one repair task for it; a look that finds what is known
appends nothing, so log, view and check don't chase each other.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import dagster as dg

from agentos_assets.checks.views import markdown
from agentos_assets.operating import operating
from agentos_assets.resources import PlatformResource

if TYPE_CHECKING:
    from agentos.platform import Platform
    from agentos.reconcile.report import Report
    from agentos.reconcile.state import Drifts, DriftState

UNASSIGNED = "unassigned"


@dataclass(frozen=True)
class Outside:
    """A check: of the asset `asset`, by looking at `system`. numbers: only at the numbers that its documents carry."""

    asset: str
    name: str
    system: str
    says: str
    numbers: bool = False

    @property
    def key(self) -> dg.AssetCheckKey:
        return dg.AssetCheckKey(dg.AssetKey(self.asset), self.name)

    def of(self, report: "Report") -> "Report":
        """What of a look at the system this check is about."""
        mine = [one for one in report.findings if (one.drift.kind == UNASSIGNED) == self.numbers]
        return replace(report, findings=mine)

    def ended(self, drifts: "Drifts") -> "list[DriftState]":
        """What differed once and does no more, the newest first."""
        mine = [
            one
            for one in drifts.known.values()
            if one.ended and not one.open and one.data.get("system") == self.system
            and (one.data.get("kind") == UNASSIGNED) == self.numbers
        ]  # fmt: skip
        return sorted(mine, key=lambda one: str(one.ended), reverse=True)


OUTSIDE = (
    Outside("effects", "site", "site", "The site's repository holds the posts that were published, as they were."),
    Outside("effects", "outbox", "mail", "The outbox holds the mails that were sent, and no others."),
    Outside("invoices", "documents", "invoice", "Every invoice lies in books/invoices as it was issued."),
    Outside("balances", "ledger", "ledger", "The ledger holds an entry for each booking, as it was booked."),
    Outside("numbers", "sequence", "invoice", "Documents carry numbers that were given out, each once.", numbers=True),
)


def _spec(one: Outside) -> dg.AssetCheckSpec:
    told = operating(
        outcome="What was done outside still stands there, or you hear of it.",
        failure_modes=(
            "Something differs: a repair task asks you first, and says what it would put back.",
            "The system can't be looked at: the check warns, and nothing is recorded.",
            "After a restore nobody has looked yet: the run fails and names `agentos start`.",
        ),
        unwound="A repair is an effect like any other: `agentos undo` takes it back where that can be done.",
        act="Answer the card of the repair task: put it back, or let it stand. `agentos reconcile` looks at once.",
    )
    return dg.AssetCheckSpec(one.name, asset=one.asset, description=one.says, metadata=told)


@dg.multi_asset_check(
    name="look_outside",
    specs=[_spec(one) for one in OUTSIDE],
    can_subset=True,
    description="Looks at each outside system once, and records what has changed since the last look.",
)
def look_outside(context: dg.AssetCheckExecutionContext, platform: PlatformResource) -> Iterator[dg.AssetCheckResult]:
    from agentos.errors import Refused
    from agentos.reconcile.observing import observe_and_record

    wanted = [one for one in OUTSIDE if one.key in context.selected_asset_check_keys]
    with platform.opened() as opened:
        try:
            reports = {system: observe_and_record(opened, system) for system in {one.system for one in wanted}}
        except Refused as refused:
            context.log.warning(f"{refused} Nothing was compared.")
            yield from (_refused(one) for one in wanted)
            return
        for one in wanted:
            yield _result(one, one.of(reports[one.system]), opened)


def _result(one: Outside, report: "Report", platform: "Platform") -> dg.AssetCheckResult:
    from agentos.reconcile.state import TYPES, fold
    from agentos_assets.checks.differences import report_in_words, report_told
    from graphs.advance import load

    drifts = fold(platform.log.read(types=TYPES))
    told: dict[str, Any] = markdown(report_told(report).items())
    return dg.AssetCheckResult(
        passed=report.ok,
        asset_key=one.asset,
        check_name=one.name,
        severity=dg.AssetCheckSeverity.ERROR if report.looked else dg.AssetCheckSeverity.WARN,
        description=report_in_words(report, drifts, lambda task: load(platform, task), one.ended(drifts)),
        metadata={**told, **report.counts()},
    )


def _refused(one: Outside) -> dg.AssetCheckResult:
    why = "A backup was restored, and nobody has looked yet: `agentos start` does. Nothing was compared."
    warn = dg.AssetCheckSeverity.WARN
    return dg.AssetCheckResult(passed=False, asset_key=one.asset, check_name=one.name, severity=warn, description=why)
