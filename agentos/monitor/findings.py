"""Findings: pure functions of views' frames, the thresholds and the moment. Ids, counts and days; no name, no client's
amount, since a card over several clients can be sealed for none of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

from agentos.monitor.thresholds import Thresholds

if TYPE_CHECKING:
    import polars as pl

    from agentos.views.view import Moment

VIEWS = ("invoices", "effects", "approvals", "tasks", "steps", "costs")
TRIGGER = "monitor"
_OWN = (TRIGGER, "ask")
"""Tasks that are no work of the business: nothing is found about them, or a card would beget a card."""
_MOST_SEQS = 20
WEEK, MONTH = timedelta(days=7), timedelta(days=30)
ENOUGH_ATTEMPTS, ENOUGH_DAYS = 5, 5
"""Below these a share or a median says nothing."""
Kind = Literal[
    "invoice.overdue", "effect.unfinished", "card.waiting", "tasks.failing", "cost.unusual", "agent.worse",
    "invoices.none",
]  # fmt: skip
SEVERITY: Mapping[Kind, int] = {
    "effect.unfinished": 3, "tasks.failing": 3, "invoice.overdue": 2, "cost.unusual": 2, "agent.worse": 1,
    "card.waiting": 1, "invoices.none": 1,
}  # fmt: skip
"""3 is worst; the worse is told first where not everything may be."""


@dataclass(frozen=True)
class Finding:
    """`thing` is the key of a row of `view`, or what stands for it. `seen` against `limit`, since `since` (ISO)."""

    kind: Kind
    thing: str
    view: str
    seen: str
    limit: str
    since: str
    seqs: tuple[int, ...] = ()

    @property
    def fingerprint(self) -> str:
        return f"{self.kind}/{self.thing}"

    @property
    def severity(self) -> int:
        return SEVERITY[self.kind]

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"seqs": list(self.seqs)}


Frames = Mapping[str, "pl.DataFrame"]
Rule = Callable[[Frames, Thresholds, "Moment"], Iterator[Finding]]


def find(frames: Frames, thresholds: Thresholds, moment: Moment) -> list[Finding]:
    """Everything there is to tell, the worst first."""
    found = [one for rule in _RULES for one in rule(frames, thresholds, moment)]
    return sorted(found, key=lambda one: (-one.severity, one.kind, one.since, one.thing))


def _overdue(frames: Frames, limits: Thresholds, moment: Moment) -> Iterator[Finding]:
    if not limits.overdue_days:
        return
    for row in frames["invoices"].iter_rows(named=True):
        if row["status"] == "overdue" and row["late_days"] > limits.overdue_days:
            yield Finding(
                "invoice.overdue", row["invoice"], "invoices", str(row["late_days"]), str(limits.overdue_days),
                str(row["due_on"]), _seqs(row),
            )  # fmt: skip


def _unfinished(frames: Frames, limits: Thresholds, moment: Moment) -> Iterator[Finding]:
    if not limits.unfinished_hours:
        return
    for row in frames["effects"].iter_rows(named=True):
        began = row["started_at"]
        if row["status"] in ("started", "in_doubt") and _hours(began, moment) > limits.unfinished_hours:
            hours = str(_hours(began, moment))
            limit = str(limits.unfinished_hours)
            yield Finding("effect.unfinished", row["effect"], "effects", hours, limit, began.isoformat(), _seqs(row))


def _waiting(frames: Frames, limits: Thresholds, moment: Moment) -> Iterator[Finding]:
    """A doubt is told as an effect that is unfinished."""
    if not limits.card_hours:
        return
    own = {row["task"] for row in frames["tasks"].iter_rows(named=True) if row["trigger"] in _OWN}
    for row in frames["approvals"].iter_rows(named=True):
        if row["status"] != "open" or row["kind"] == "doubt" or row["task"] in own or not row["asks"]:
            continue
        hours = _hours(row["asked_at"], moment)
        if hours > limits.card_hours:
            since, limit = row["asked_at"].isoformat(), str(limits.card_hours)
            yield Finding("card.waiting", row["card"], "approvals", str(hours), limit, since, _seqs(row))


def _failing(frames: Frames, limits: Thresholds, moment: Moment) -> Iterator[Finding]:
    """Known by the first of the row: it is one finding however long the row grows."""
    if not limits.failed_in_a_row:
        return
    closed = [
        row for row in frames["tasks"].iter_rows(named=True)
        if row["status"] in ("completed", "failed") and row["trigger"] not in _OWN and not row["rehearsal"]
    ]  # fmt: skip
    row_of = []
    for row in sorted(closed, key=lambda one: one["closed_at"], reverse=True):
        if row["status"] != "failed":
            break
        row_of.append(row)
    if len(row_of) >= limits.failed_in_a_row:
        first, limit = row_of[-1], str(limits.failed_in_a_row)
        seqs = tuple(sorted(seq for row in row_of for seq in _seqs(row)))[-_MOST_SEQS:]
        since = first["closed_at"].isoformat()
        yield Finding("tasks.failing", first["task"], "tasks", str(len(row_of)), limit, since, seqs)


def _cost(frames: Frames, limits: Thresholds, moment: Moment) -> Iterator[Finding]:
    """Days without a call don't count: who works one day a week has no median of 0."""
    if not limits.cost_factor:
        return
    days: dict[str, dict[Any, Decimal]] = {}
    seqs: dict[str, list[int]] = {}
    for row in frames["costs"].iter_rows(named=True):
        if not row["cost"] or moment.today - row["day"] > MONTH:
            continue
        of = days.setdefault(row["currency"], {})
        of[row["day"]] = of.get(row["day"], Decimal(0)) + row["cost"]
        seqs.setdefault(row["currency"], []).extend(_seqs(row) if row["day"] == moment.today else ())
    for currency, spent in sorted(days.items()):
        today = spent.pop(moment.today, Decimal(0))
        if len(spent) < ENOUGH_DAYS:
            continue
        limit = _median(list(spent.values())) * limits.cost_factor
        if today > limit:
            thing, at = f"{moment.today}/{currency}", str(moment.today)
            newest = tuple(sorted(seqs[currency]))[-_MOST_SEQS:]
            yield Finding("cost.unusual", thing, "costs", _plain(today, currency), _plain(limit, currency), at, newest)


def _worse(frames: Frames, limits: Thresholds, moment: Moment) -> Iterator[Finding]:
    if not limits.quality_drop:
        return
    now: dict[str, list[int]] = {}
    before: dict[str, list[int]] = {}
    seqs: dict[str, list[int]] = {}
    for row in frames["steps"].iter_rows(named=True):
        if row["agent"] in (None, "coordinator") or moment.now - row["started_at"] > WEEK + MONTH:
            continue
        recent = moment.now - row["started_at"] <= WEEK
        counted = (now if recent else before).setdefault(row["agent"], [0, 0])
        counted[0] += row["failures"]
        counted[1] += row["attempts"]
        if recent and row["failures"]:
            seqs.setdefault(row["agent"], []).extend(_seqs(row))
    for agent in sorted(now.keys() & before.keys()):
        if min(now[agent][1], before[agent][1]) < ENOUGH_ATTEMPTS:
            continue
        share, usual = (Decimal(one[0]) / one[1] for one in (now[agent], before[agent]))
        if share - usual > limits.quality_drop:
            since = str((moment.now - WEEK).date())
            found = tuple(sorted(seqs.get(agent, ())))[-_MOST_SEQS:]
            yield Finding("agent.worse", agent, "steps", f"{share:.0%}", f"{usual:.0%}", since, found)


def _no_invoice(frames: Frames, limits: Thresholds, moment: Moment) -> Iterator[Finding]:
    """Known by the day of the last one: the next invoice ends it."""
    issued = [row for row in frames["invoices"].iter_rows(named=True) if row["issued_on"] is not None]
    if not limits.no_invoice_days or not issued:
        return
    newest = max(issued, key=lambda row: row["issued_on"])
    days = (moment.today - newest["issued_on"]).days
    if days > limits.no_invoice_days:
        at, limit = str(newest["issued_on"]), str(limits.no_invoice_days)
        yield Finding("invoices.none", at, "invoices", str(days), limit, at, _seqs(newest))


_RULES: tuple[Rule, ...] = (_overdue, _unfinished, _waiting, _failing, _cost, _worse, _no_invoice)


def _hours(since: datetime, moment: Moment) -> int:
    return int((moment.now - since).total_seconds() // 3600)


def _seqs(row: Mapping[str, Any]) -> tuple[int, ...]:
    return tuple(row["seqs"] or ())[-_MOST_SEQS:]


def _median(values: list[Decimal]) -> Decimal:
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def _plain(amount: Decimal, currency: str) -> str:
    return f"{amount.normalize():f} {currency}"
