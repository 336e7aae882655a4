"""A check a view: the view as it is published, held against its suite and against the log."""

from collections.abc import Iterable
from typing import Any

import dagster as dg

from agentos.expectations.blocking import BLOCKING
from agentos_assets.checks.results import failing_since
from agentos_assets.checks.verdicts import mend
from agentos_assets.operating import operating
from agentos_assets.resources import PlatformResource
from agentos_assets.views.declared import Declared, declared
from agentos_assets.views.freshness import fresh, hourly

NAME = "expectations"


def view_checks() -> list[dg.AssetChecksDefinition]:
    return [_check(view) for view in declared()]


def _check(view: Declared) -> dg.AssetChecksDefinition:
    blocking, key = view.name in BLOCKING, dg.AssetCheckKey(dg.AssetKey(view.name), NAME)

    @dg.asset_check(
        asset=view.name,
        name=NAME,
        blocking=blocking,
        description=f"{view.title}: what must be true of it. `agentos check {view.name} --list` says it.",
        metadata=_operating(view.name),
        automation_condition=fresh() if blocking else hourly(),
    )
    def check(context: dg.AssetCheckExecutionContext, platform: PlatformResource) -> dg.AssetCheckResult:
        from agentos.clock import SystemClock
        from agentos.expectations.published import check_published
        from agentos_assets.checks.verdicts import verdict_in_words, verdict_told

        with platform.store() as store:
            verdict = check_published(store, view.name, SystemClock().now())
        counts = {"rows": verdict.rows, "expectations": len(verdict.expectations), "up to event": verdict.seq or 0}
        return dg.AssetCheckResult(
            passed=verdict.ok,
            severity=dg.AssetCheckSeverity.WARN if not verdict.misleads else dg.AssetCheckSeverity.ERROR,
            description=verdict_in_words(verdict, view.key, failing_since(context.instance, key)),
            metadata={**markdown(verdict_told(verdict, view.key).items()), **counts},
        )

    return check


def _operating(view: str) -> dict[str, dg.MetadataValue[Any]]:
    return operating(
        outcome=f"What `{view}` says can be relied on.",
        failure_modes=(
            "An expectation does not hold: the check fails and says which, in how many rows and in which.",
            "The view is not published yet, or can't be read: the check's run fails.",
        ),
        act=f"{mend(view)[:1].upper()}{mend(view)[1:]}",
    )


def markdown(told: Iterable[tuple[str, str]]) -> dict[str, dg.MetadataValue[Any]]:
    return {heading: dg.MetadataValue.md(text) for heading, text in told}
