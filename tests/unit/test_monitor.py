"""The monitor: what is found is told once, grouped and capped, and goes by itself when it is over."""

from __future__ import annotations

import threading
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentos.clock import FixedClock
from agentos.errors import WorkspaceError
from agentos.events.sqlite import SQLiteLog
from agentos.events.types import FindingClosed, FindingOpened
from agentos.invariants.check import check
from agentos.monitor.changes import QUIET, Changes
from agentos.monitor.findings import Finding, find
from agentos.monitor.state import TYPES, fold
from agentos.monitor.thresholds import Thresholds, load_thresholds
from agentos.monitor.watching import Seen, watch
from agentos.platform import Stopped, open_store
from agentos.views.catalogue import VIEWS
from agentos.views.view import Moment
from tests.fakes.business import MORNING, Shop

MOMENT = Moment(MORNING)


def frames(**rows: list[dict[str, Any]]) -> dict[str, Any]:
    import polars as pl

    found = {}
    for name in ("invoices", "effects", "approvals", "tasks", "steps", "costs"):
        schema = {column: about.dtype for column, about in VIEWS[name].columns.items()}
        found[name] = pl.DataFrame(rows.get(name, []), schema=schema)
    return found


def ago(**span: float) -> Any:
    return MORNING - timedelta(**span)


def kinds(thresholds: Thresholds | None = None, **rows: list[dict[str, Any]]) -> list[tuple[str, str, str, str]]:
    found = find(frames(**rows), thresholds or Thresholds(), MOMENT)
    return [(one.kind, one.thing, one.seen, one.limit) for one in found]


def overdue(number: str, days: int) -> dict[str, Any]:
    due = MORNING.date() - timedelta(days=days)
    return {"invoice": number, "status": "overdue", "late_days": days, "due_on": due, "issued_on": due, "seqs": [7]}


def test_nothing_is_found_in_an_empty_house() -> None:
    assert kinds() == []


def test_an_invoice_counts_when_it_is_later_than_the_threshold() -> None:
    rows = [overdue("2026-0001", 14), overdue("2026-0002", 15)]
    assert kinds(invoices=rows) == [("invoice.overdue", "2026-0002", "15", "14")]
    assert kinds(Thresholds(overdue_days=0), invoices=rows) == []


def test_what_was_begun_outside_and_has_no_end() -> None:
    def effect(key: str, status: str, hours: float) -> dict[str, Any]:
        return {"effect": key, "status": status, "started_at": ago(hours=hours)}

    rows = [effect("a", "started", 1), effect("b", "started", 4), effect("c", "in_doubt", 9), effect("d", "done", 99)]
    assert kinds(effects=rows) == [("effect.unfinished", "c", "9", "2"), ("effect.unfinished", "b", "4", "2")]


def test_a_card_that_waits_but_none_of_the_monitors_own() -> None:
    def card(id: str, task: str, hours: int, **more: Any) -> dict[str, Any]:
        asked = {"card": id, "task": task, "status": "open", "kind": "effects", "asks": True}
        return {**asked, "asked_at": ago(hours=hours), **more}

    tasks = [{"task": "t", "trigger": "terminal"}, {"task": "m", "trigger": "monitor"}]
    rows = [
        card("old", "t", 30), card("new", "t", 3), card("own", "m", 90), card("doubt", "t", 90, kind="doubt"),
        card("notice", "t", 90, asks=False), card("done", "t", 90, status="granted"),
    ]  # fmt: skip
    assert kinds(approvals=rows, tasks=tasks) == [("card.waiting", "old", "30", "24")]


def test_tasks_that_fail_in_a_row_are_one_finding_known_by_its_first() -> None:
    def task(id: str, status: str, hours: int, trigger: str = "terminal") -> dict[str, Any]:
        return {"task": id, "status": status, "trigger": trigger, "rehearsal": False, "closed_at": ago(hours=hours)}

    rows = [task("a", "completed", 9), task("b", "failed", 8), task("c", "failed", 7), task("q", "completed", 6, "ask")]
    assert kinds(tasks=rows) == []
    rows.append(task("d", "failed", 5))
    assert kinds(tasks=rows) == [("tasks.failing", "b", "3", "3")]
    rows.append(task("e", "failed", 4))
    assert kinds(tasks=rows) == [("tasks.failing", "b", "4", "3")]
    assert kinds(tasks=[*rows, task("f", "completed", 1)]) == []


def test_a_dear_day_is_one_that_costs_a_multiple_of_the_median() -> None:
    def day(back: int, cost: str, currency: str = "USD") -> dict[str, Any]:
        return {"day": date(2026, 11, 23) - timedelta(days=back), "cost": Decimal(cost), "currency": currency}

    usual = [day(back, "0.10") for back in range(1, 6)]
    assert kinds(costs=[*usual, day(0, "0.30")]) == []
    assert kinds(costs=[*usual, day(0, "0.20"), day(0, "0.11")]) == [
        ("cost.unusual", "2026-11-23/USD", "0.31 USD", "0.3 USD")
    ]
    assert kinds(costs=[*usual, day(0, "9", "EUR")]) == []  # another currency has no median yet
    assert kinds(costs=[*usual[:4], day(0, "9")]) == []


def test_an_agent_that_fails_more_often_than_before() -> None:
    def step(agent: str, back: int, failures: int, attempts: int) -> dict[str, Any]:
        return {"agent": agent, "started_at": ago(days=back), "failures": failures, "attempts": attempts}

    rows = [step("drafter", 2, 3, 6), step("drafter", 20, 1, 10), step("finance", 2, 1, 9), step("finance", 20, 1, 9)]
    assert kinds(steps=rows) == [("agent.worse", "drafter", "50%", "10%")]
    assert kinds(steps=[step("drafter", 2, 3, 3), step("drafter", 20, 0, 10)]) == []


def test_no_invoice_for_long_where_there_was_one() -> None:
    old = {"invoice": "2026-0001", "status": "paid", "issued_on": MORNING.date() - timedelta(days=50)}
    assert kinds(invoices=[old]) == [("invoices.none", str(old["issued_on"]), "50", "45")]


def test_thresholds_are_read_from_the_workspace_and_a_slip_is_named(tmp_path: Path) -> None:
    assert load_thresholds(tmp_path) == Thresholds()
    (tmp_path / "monitor.toml").write_text("overdue_days = 3\nmost_open = 1\n")
    assert load_thresholds(tmp_path).overdue_days == 3
    (tmp_path / "monitor.toml").write_text("overdue_dayz = 3\n")
    with pytest.raises(WorkspaceError, match=r"monitor\.toml:1"):
        load_thresholds(tmp_path)


# -- what one look changes


def invoice(number: str) -> Finding:
    return Finding("invoice.overdue", number, "invoices", "20", "14", "2026-11-01", (3,))


def card(id: str) -> Finding:
    return Finding("card.waiting", id, "approvals", "30", "24", "2026-11-01", (4,))


def look(log: SQLiteLog, found: list[Finding], *, later: timedelta = timedelta(), most: int = 3) -> Changes:
    changes = Changes(found, log.head()[0], MORNING + later, most)
    log.append(changes.decide)
    return changes


@pytest.fixture
def log(tmp_path: Path) -> SQLiteLog:
    return open_store(tmp_path, clock=FixedClock(MORNING)).log


def opened(log: SQLiteLog) -> list[str]:
    return [record.data["trigger"] for record in log.read(types=("task.opened",))]


def test_findings_of_a_kind_share_a_task_and_are_told_once(log: SQLiteLog) -> None:
    first = look(log, [invoice("1"), invoice("2"), card("c")])
    assert len(set(first.opened.values())) == 2
    assert len(first.opened) == 3
    again = look(log, [invoice("1"), invoice("2"), card("c")])
    assert again.opened == {}
    assert opened(log) == ["monitor", "monitor"]


def test_a_new_one_waits_while_one_of_its_kind_is_on_the_desk(log: SQLiteLog) -> None:
    look(log, [invoice("1")])
    second = look(log, [invoice("1"), invoice("2")])
    assert second.waits == ["invoice.overdue/2"]
    third = look(log, [invoice("2")])  # the first is paid: its card goes, and the second is told
    assert third.over == ["invoice.overdue/1"]
    assert list(third.opened) == ["invoice.overdue/2"]
    assert [r.data["why"] for r in log.read(types=("task.cancelled",))] == ["it is over by itself"]


def test_no_more_cards_than_the_operator_wants_the_worst_first(log: SQLiteLog) -> None:
    doubt = Finding("effect.unfinished", "e", "effects", "9", "2", "2026-11-01")
    changes = look(log, [doubt, invoice("1"), card("c")], most=2)
    assert (list(changes.opened), changes.waits) == (["effect.unfinished/e", "invoice.overdue/1"], ["card.waiting/c"])


def test_what_comes_and_goes_is_told_again_only_after_a_day(log: SQLiteLog) -> None:
    look(log, [card("c")])
    look(log, [], later=timedelta(hours=1))
    assert look(log, [card("c")], later=timedelta(hours=2)).waits == ["card.waiting/c"]
    assert list(look(log, [card("c")], later=QUIET + timedelta(hours=2)).opened) == ["card.waiting/c"]
    assert [r.key for r in log.read(types=("finding.opened",))] == [
        "finding/card.waiting/c/1",
        "finding/card.waiting/c/2",
    ]


def test_two_monitors_that_race_tell_it_once(log: SQLiteLog) -> None:
    seq, start = log.head()[0], threading.Barrier(2)
    ended: list[str] = []

    def one() -> None:
        changes = Changes([invoice("1")], seq, MORNING, 3)
        start.wait()
        try:
            log.append(changes.decide)
            ended.append("told" if changes.opened else "nothing")
        except Exception as error:
            ended.append(getattr(error, "code", repr(error)))

    threads = [threading.Thread(target=one) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(ended) == ["monitor.moved", "told"]
    assert opened(log) == ["monitor"]


_SEEN = st.lists(st.lists(st.sampled_from(["i1", "i2", "c1", "c2"]), unique=True), max_size=8)


@settings(max_examples=40, deadline=None)
@given(_SEEN, st.integers(1, 3))
def test_whatever_comes_and_goes_no_finding_has_two_open_tasks(
    tmp_path_factory: pytest.TempPathFactory, looks: list[list[str]], most: int
) -> None:
    log = open_store(tmp_path_factory.mktemp("any"), clock=FixedClock(MORNING)).log
    for hour, names in enumerate(looks):
        found = [invoice(name) if name.startswith("i") else card(name) for name in sorted(names, reverse=True)]
        look(log, sorted(found, key=lambda one: one.kind, reverse=True), later=timedelta(hours=9 * hour), most=most)
        state = fold(log.read(types=TYPES))
        still = {r.data["task"] for r in log.read(types=("task.opened",))}
        still -= {r.stream.removeprefix("task/") for r in log.read(types=("task.cancelled",))}
        assert len(still) <= most
        assert still == {one.task for one in state.open()}
        assert len({one.kind for one in state.open()}) == len(still)  # one card for each kind
    log.close()


def test_a_log_in_which_a_finding_is_told_twice_or_by_nobody_breaks_the_invariants(tmp_path: Path) -> None:
    store = open_store(tmp_path, clock=FixedClock(MORNING))
    look(store.log, [invoice("1")])
    look(store.log, [])
    assert check(store).violations == []
    told = {
        "kind": "invoice.overdue",
        "task": "nobody",
        "severity": 2,
        "seen": "",
        "limit": "",
        "since": "",
        "seqs": [],
    }
    store.log.append(FindingOpened(fingerprint="invoice.overdue/1", **told).on("finding/1"))
    store.log.append(FindingOpened(fingerprint="invoice.overdue/1", **told).on("finding/1"))
    store.log.append(FindingClosed(fingerprint="invoice.overdue/2", kind="invoice.overdue").on("finding/2"))
    assert {one.code for one in check(store).violations} == {"finding.once", "finding.closed_open"}
    store.close()


# -- in a real workspace


async def late(tmp_path: Path) -> Shop:
    """A business with an invoice that is 20 days late."""
    shop = Shop(tmp_path / "w")
    state = await shop.approve(await shop.run("Invoice Acme Studio 900 EUR for the workshop"))
    assert state.status == "completed"
    shop.clock.advance(timedelta(days=34))
    return shop


def by_status(seen: list[Seen]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for one in seen:
        found.setdefault(one.status, []).append(one.fingerprint)
    return found


async def test_a_late_invoice_becomes_one_card_that_explains_itself(tmp_path: Path) -> None:
    shop = await late(tmp_path)
    (seen,) = watch(shop.platform)
    assert (seen.status, seen.fingerprint) == ("opened", "invoice.overdue/2026-0001")
    state = await shop.advance(str(seen.task))
    (card,) = state.open_cards()
    assert card.title == "Invoice 2026-0001 is overdue by 20 days."
    reasons = [reason["text"] for reason in card.data["reasons"]]
    assert reasons[0] == (
        "2026-0001: 20 days late, due 2026-12-07; told from 14 days on. (agentos why invoices 2026-0001)"
    )
    assert by_status(watch(shop.platform)) == {"told": ["invoice.overdue/2026-0001"]}
    state = await shop.answer(state, "seen")
    assert state.status == "completed"
    assert by_status(watch(shop.platform)) == {"told": ["invoice.overdue/2026-0001"]}


async def test_its_card_goes_when_the_invoice_is_taken_back(tmp_path: Path) -> None:
    shop = await late(tmp_path)
    (seen,) = watch(shop.platform)
    await shop.advance(str(seen.task))
    keys = [
        r.data["effect"] for r in shop.platform.log.read(types=("effect.done",)) if r.data["effect"].startswith("inv")
    ]
    await shop.advance(shop.desk.undo(keys))
    assert by_status(watch(shop.platform)) == {"over": ["invoice.overdue/2026-0001"]}
    assert shop.desk.load(str(seen.task)).status == "cancelled"
    assert watch(shop.platform) == []


async def test_a_stopped_platform_is_not_looked_at(tmp_path: Path) -> None:
    shop = await late(tmp_path)
    shop.desk.stop("a test")
    with pytest.raises(Stopped):
        watch(shop.platform)
