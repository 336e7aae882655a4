"""The suites: what a real workspace's views hold, and that each planted fault is found by the expectation it is for.

One worker runs these: importing Great Expectations takes seconds.
"""

from __future__ import annotations

import asyncio
import socket
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentos.expectations.beside import Beside, raised_numbers
from agentos.expectations.blocking import BLOCKING
from agentos.expectations.check import check_view, expected
from agentos.expectations.position import Position
from agentos.expectations.published import check_published
from agentos.expectations.verdict import Verdict
from agentos.platform import Store
from agentos.views.catalogue import VIEWS, Moment
from agentos.views.read import path_of, read_view
from agentos.views.refresh import refresh
from tests.fakes.business import Shop

pytestmark = pytest.mark.xdist_group("great-expectations")
NOW = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
Frames = dict[str, pl.DataFrame]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """One invoice is paid in part, one was taken back, one waits for the operator; a post is being written."""
    shop = Shop(tmp_path_factory.mktemp("expectations") / "ws")
    asyncio.run(_story(shop))
    refresh(shop.platform.store, now=NOW)
    yield shop
    shop.close()


async def _story(shop: Shop) -> None:
    await shop.approve(await shop.run("Invoice Acme Studio 1,200 EUR for the March workshop"))
    wrong = await shop.approve(await shop.run("Invoice Beta Ltd 300 EUR for the talk"))
    await shop.advance(shop.desk.undo(shop.desk.undoable(wrong.id)))
    await shop.run("Acme paid 428 EUR on invoice 2026-0001")
    await shop.run("Invoice Beta Ltd 450 EUR for the second talk")
    await shop.run("Write a blog post about flow temperature")


@pytest.fixture(scope="module")
def frames(shop: Shop) -> Frames:
    """As they are published. What this workspace has no row of has one of `SAMPLES`, and what follows from it."""
    found = {name: read_view(shop.root, name) for name in VIEWS}
    made = {name: pl.read_parquet(path_of(shop.root, name)) for name in VIEWS}
    for name, cells in SAMPLES.items():
        found[name] = made[name] = pl.DataFrame([cells], schema={n: c.dtype for n, c in VIEWS[name].columns.items()})
    for name in ("costs", "kpis", "reconciliation"):
        make = VIEWS[name].make
        assert make is not None
        found[name] = make({one: frame.lazy() for one, frame in made.items()}, Moment(NOW)).collect()
    return found


SAMPLES: Mapping[str, Mapping[str, Any]] = {
    "calls": {
        "task": "t", "call": "draft/1/1", "step": "draft", "agent": "drafter", "tier": "large", "model": "m", "at": NOW,
        "status": "answered", "reserved_at": NOW, "settled_at": NOW, "latency_ms": 900, "cached": False,
        "tokens_in": 80, "tokens_out": 20, "tokens": 100, "reserved": Decimal("0.02"), "cost": Decimal("0.011"),
        "currency": "EUR", "seqs": [7, 8, 9],
    },
    "drifts": {
        "fingerprint": "f", "system": "site", "kind": "missing", "status": "repairing", "detected": 1, "repair": "t",
        "escalated": False, "first_at": NOW, "last_at": NOW, "seqs": [10],
    },
}  # fmt: skip


def beside(frames: Frames) -> Beside:
    return Beside(frames)


# -- what is there holds


@pytest.mark.parametrize("name", VIEWS)
def test_the_views_of_a_real_workspace_hold(shop: Shop, name: str) -> None:
    verdict = check_published(shop.platform.store, name, NOW)
    assert verdict.findings == ()
    assert verdict.ok
    assert verdict.rows == read_view(shop.root, name).height
    assert verdict.seq == shop.platform.log.head()[0]
    assert list(verdict.expectations)[:2] == expected(name)[:2]


def test_every_view_has_a_suite() -> None:
    from agentos.expectations.suites import SUITES

    assert set(SUITES) == set(VIEWS)
    assert set(VIEWS) > BLOCKING


def test_it_reaches_no_network_and_leaves_nothing(
    frames: Frames, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def refused(*_: object) -> None:
        raise AssertionError("a check reached for the network")

    for name in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, name, refused)
    monkeypatch.setattr(socket, "getaddrinfo", refused)
    (tmp_path / "home").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("GX_CLOUD_ACCESS_TOKEN", "t")
    monkeypatch.setenv("GX_CLOUD_ORGANIZATION_ID", "o")
    monkeypatch.chdir(tmp_path)
    assert check_view("invoices", frames["invoices"], beside(frames)).ok
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["home"]
    assert capfd.readouterr() == ("", ""), "no progress bars"


# -- what is planted is found


@dataclass(frozen=True)
class Fault:
    """A row like one of the view's (the first with `of`), with other cells; `says` is the expectation it goes against.
    twice: with the key of the row it is like."""

    view: str
    says: str
    cells: Mapping[str, Any]
    of: Mapping[str, Any] = field(default_factory=dict)
    twice: bool = False


MINUS, LATER, EARLIER = Decimal("-0.000001"), NOW + timedelta(days=1), NOW - timedelta(days=900)
FAULTS = (
    Fault("tasks", "no two rows share task", {}, twice=True),
    Fault("tasks", "each row names the events it comes from", {"seqs": []}),
    Fault("tasks", "no row comes from an event that the view has not read", {"seqs": [1, 10**6]}),
    Fault("tasks", "each task was opened", {"opened_at": None}),
    Fault("tasks", "status is opened, planned, parked, completed, failed or cancelled", {"status": "done"}),
    Fault("tasks", "a closed task has its end", {"closed_at": None}, {"status": "completed"}),
    Fault("tasks", "only a closed task has an end", {"closed_at": LATER}, {"status": "parked"}),
    Fault("tasks", "a parked task says what it waits for", {"parked": []}, {"status": "parked"}),
    Fault("tasks", "closed_at is not before opened_at", {"closed_at": EARLIER}, {"status": "completed"}),
    Fault("tasks", "cost is not negative", {"cost": MINUS}),
    Fault("tasks", "a cost has its currency", {"cost": Decimal(1), "cost_currency": None}),
    Fault("steps", "no two rows share task and step", {}, twice=True),
    Fault("steps", "each step is of a task that the view tasks has", {"task": "nobody's"}),
    Fault("steps", "a completed step has the agent that did it", {"agent": None}, {"status": "completed"}),
    Fault("steps", "what was completed or failed has its end", {"ended_at": None}, {"status": "completed"}),
    Fault("steps", "ended_at is not before started_at", {"ended_at": EARLIER}, {"status": "completed"}),
    Fault("steps", "tokens is not negative", {"tokens": -1}),
    Fault("approvals", "an open card is not decided", {"status": "open"}, {"status": "granted"}),
    Fault("approvals", "a decided card has its moment", {"decided_at": None}, {"status": "granted"}),
    Fault("approvals", "what she decided says where", {"via": None}, {"status": "granted"}),
    Fault("approvals", "each card was laid on the desk", {"asked_at": None}),
    Fault("effects", "nothing was done without a card, a policy or the operator", {"authority": None},
          {"status": "done"}),
    Fault("effects", "what was done has its moment", {"done_at": None}, {"status": "done"}),
    Fault("effects", "what was taken back names the effect that did it, and that is done", {"undone_by": None},
          {"status": "undone"}),
    Fault("effects", "gross is net plus VAT", {"vat": Decimal("0.01")}, {"system": "invoice"}),
    Fault("effects", "an amount has its currency", {"currency": None}, {"system": "invoice"}),
    Fault("numbers", "no two rows share series and serial", {}, twice=True),
    Fault("numbers", "no two rows share series and number", {"series": "invoice", "serial": 4}, twice=True),
    Fault("numbers", "a series has no gap", {"series": "invoice", "serial": 99, "number": "2026-0099"}),
    Fault("numbers", "a number that was given out names its effect", 
          {"series": "invoice", "serial": 5, "effect": None, "number": "x"}),
    Fault("numbers", "a number that was used stands on an invoice", 
          {"series": "invoice", "serial": 6, "number": "2026-0077"},
          {"series": "invoice"}),
    Fault("calls", "no call cost more than was reserved for it", {"cost": Decimal("0.021")}),
    Fault("calls", "status is reserved, answered or lost", {"status": "gone"}),
    Fault("calls", "latency_ms is not negative", {"latency_ms": -5}),
    Fault("drifts", "a drift under repair names the task", {"repair": None}),
    Fault("drifts", "a drift that has ended says when", {"status": "kept"}),
    Fault("drifts", "a drift was found at least once", {"detected": 0}),
    Fault("invoices", "no two rows share number", {"invoice": "other"}, {"status": "partly"}, twice=True),
    Fault("invoices", "an issued invoice has its number", {"number": None}, {"status": "partly"}),
    Fault("invoices", "the number of an issued invoice was given out and is not voided", {"number": "2026-0099"},
          {"status": "partly"}),
    Fault("invoices", "an issued invoice has its day", {"issued_on": None}, {"status": "partly"}),
    Fault("invoices", "gross is net plus VAT", {"net": Decimal("1200.01")}, {"status": "partly"}),
    Fault("invoices", "open is gross less what was paid", {"paid": Decimal("427.99")}, {"status": "partly"}),
    Fault("invoices", "nobody paid more than was asked", {"paid": Decimal(1429), "open": Decimal(-1)},
          {"status": "partly"}),
    Fault("invoices", "a paid invoice is not owed", {"status": "paid"}, {"status": "partly"}),
    Fault("invoices", "an invoice that is owed is not paid", {"open": Decimal(0)}, {"status": "partly"}),
    Fault("invoices", "a credited invoice is not owed", {"open": Decimal(1)}, {"status": "credited"}),
    Fault("invoices", "a credited invoice names its credit note", {"credited_by": None}, {"status": "credited"}),
    Fault("invoices", "due_on is not before issued_on", {"due_on": date(2020, 1, 1)}, {"status": "partly"}),
    Fault("receivables", "open is the sum of the client's open invoices", {"open": Decimal("1000.01")}),
    Fault("receivables", "no more is late than is open", {"overdue": Decimal(2000)}),
    Fault("receivables", "invoices are as many as are open", {"invoices": 2}),
    Fault("postings", "the sides of an entry add up to zero", {"amount": Decimal("0.000001")}, {"account": "bank"}),
    Fault("postings", "account is receivable, income, output VAT or bank", {"account": "cash"}),
    Fault("balances", "a balance is the sum of the account's postings", {"balance": Decimal(5)}, {"account": "bank"}),
    Fault("balances", "all balances of a currency add up to zero", {"balance": Decimal(5)}, {"account": "bank"}),
    Fault("costs", "costs add up to what the calls cost", {"cost": Decimal("0.012")}),
    Fault("costs", "there are as many calls as the view calls has", {"calls": 2}),
    Fault("agents", "confidence is between 0 and 1", {"confidence": 1.01}, {"agent": "finance"}),
    Fault("agents", "an agent has the steps that the view steps has", {"steps": 50}, {"agent": "finance"}),
    Fault("agents", "no more steps failed, or were retried or sent back, than it was given", {"failed": 99}),
    Fault("clients", "what is open is the sum of the client's open invoices", {"open_amount": Decimal(1)}),
    Fault("clients", "no more tasks are open than there are", {"open_tasks": 99}),
    Fault("kpis", "a week begins on a Monday, a month on its first", {"start": date(2026, 11, 24)}, {"grain": "week"}),
    Fault("kpis", "revenue adds up to the same by day, week and month", {"revenue": Decimal(9)}, {"grain": "month"}),
    Fault("reconciliation", "as many drifts are open as the view drifts has", {"open": 5}, {"system": "site"}),
    Fault("reconciliation", "as many effects are in doubt as the view effects has", {"in_doubt": 1}),
)  # fmt: skip


def plant(frame: pl.DataFrame, faults: list[Fault]) -> tuple[pl.DataFrame, list[str]]:
    """The view with a row more for each fault, and the keys of these."""
    key, parts, keys = VIEWS[faults[0].view].key, [frame], []
    for nth, fault in enumerate(faults):
        like = frame.filter(*(pl.col(name) == value for name, value in fault.of.items())).head(1)
        assert like.height, f"no row of {fault.view} has {fault.of}"
        free = [name for name in key if frame.schema[name] == pl.String and name not in fault.cells]
        own = {} if fault.twice or not free else {free[-1]: f"fault-{nth}"}
        row = like.with_columns(
            pl.Series(name, [value], frame.schema[name]) for name, value in {**own, **fault.cells}.items()
        )
        parts.append(row)
        keys.append(" ".join("-" if part is None else str(part) for part in row.select(key).row(0)))
    return pl.concat(parts), keys


@pytest.fixture
def all_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agentos.expectations.great.SHOWN", 1000)


@pytest.mark.usefixtures("all_shown")
@pytest.mark.parametrize("view", dict.fromkeys(fault.view for fault in FAULTS))
def test_a_planted_fault_is_found_by_the_expectation_it_is_for(frames: Frames, view: str) -> None:
    faults = [fault for fault in FAULTS if fault.view == view]
    planted, keys = plant(frames[view], faults)
    verdict = check_view(view, planted, beside(frames), Position(200, True, 0.0, None))
    found = {finding.says: finding.keys for finding in verdict.findings}
    for fault, key in zip(faults, keys, strict=True):
        assert key in found.get(fault.says, ()), fault
    assert verdict.misleads


def test_every_view_has_planted_faults() -> None:
    assert {fault.view for fault in FAULTS} == set(VIEWS)


COUNTED = ("receivables", "postings", "reconciliation")


@pytest.mark.parametrize("view", COUNTED)
def test_a_row_that_lacks_is_missed(frames: Frames, view: str) -> None:
    (finding,) = [
        one
        for one in check_view(view, frames[view].clear(), beside(frames)).findings
        if one.name == "expect_table_row_count_to_equal"
    ]
    assert finding.severity == "critical"
    assert finding.why == f"there are 0 rows, {frames[view].height} are expected"


MONEY = {"net": 0, "vat": 1, "gross": 2, "paid": 3, "open": 4}


@pytest.mark.usefixtures("all_shown")
@settings(max_examples=2, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(sorted(MONEY)),
            st.decimals("-100000", "100000", allow_nan=False, places=12).filter(lambda amount: amount != 0),
        ),
        min_size=20,
        max_size=60,
    )
)
def test_an_amount_that_was_changed_is_found_however_little(frames: Frames, changes: list[tuple[str, Decimal]]) -> None:
    like = frames["invoices"].filter(pl.col("status") == "partly")
    rows = [
        like.with_columns(pl.col(column) + pl.lit(delta, pl.Decimal(38, 12)), invoice=pl.lit(f"changed-{nth}"))
        for nth, (column, delta) in enumerate(changes)
    ]
    verdict = check_view("invoices", pl.concat([like, *rows]).select(like.columns), beside(frames))
    balances = ("gross is net plus VAT", "open is gross less what was paid")
    named = {key for finding in verdict.findings if finding.says in balances for key in finding.keys}
    assert named == {f"changed-{nth}" for nth in range(len(changes))}


def test_a_finding_names_a_few_rows_by_key_and_event_and_never_a_value(frames: Frames) -> None:
    amounts = [Decimal(f"-7777.{nth:02}") for nth in range(30)]
    like = frames["invoices"].filter(pl.col("status") == "partly")
    rows = [
        like.with_columns(net=pl.lit(a, pl.Decimal(38, 12)), invoice=pl.lit(f"n{i}")) for i, a in enumerate(amounts)
    ]
    verdict = check_view("invoices", pl.concat(rows), beside(frames))
    (negative,) = [one for one in verdict.findings if one.says == "net is not negative"]
    assert (negative.rows, negative.of, negative.name) == (30, 30, "expect_column_values_to_be_between")
    assert negative.keys == ("n0", "n1", "n2", "n3", "n4")
    assert negative.seqs == (like["seqs"][0][0],) * 5
    assert "7777" not in repr(verdict)


def test_a_column_that_lacks_is_said_and_nothing_else(frames: Frames) -> None:
    verdict = check_view("invoices", frames["invoices"].drop("paid").with_columns(tip=1), beside(frames))
    (finding,) = verdict.findings
    assert finding.why == "it lacks paid and has tip"
    assert finding.says == "the view has its columns and no others"


# -- against the log


def check(store: Store, name: str, now: datetime = NOW) -> Verdict:
    return check_published(store, name, now)


async def test_a_view_that_is_behind_is_a_warning(tmp_path: Path) -> None:
    shop = Shop(tmp_path / "ws")
    await shop.run("Invoice Acme Studio 1,200 EUR for the March workshop")
    refresh(shop.platform.store, now=shop.clock.now())
    shop.desk.submit("Write about cats")
    assert check(shop.platform.store, "costs", shop.clock.now()).ok
    verdict = check(shop.platform.store, "costs", shop.clock.now() + timedelta(minutes=16))
    assert [(one.severity, one.why) for one in verdict.findings] == [("warning", "the oldest waits for 960 s")]
    assert not verdict.misleads
    shop.close()


async def test_rows_that_are_in_the_log_and_not_in_the_view_are_missed(tmp_path: Path) -> None:
    shop = Shop(tmp_path / "ws")
    await shop.approve(await shop.run("Invoice Acme Studio 1,200 EUR for the March workshop"))
    store = shop.platform.store
    refresh(store, now=NOW)
    for name in ("tasks", "approvals", "effects", "numbers"):
        frame, path = pl.read_parquet(path_of(shop.root, name)), path_of(shop.root, name)
        frame.head(frame.height - 1).write_parquet(path, metadata=pl.read_parquet_metadata(path))
        findings = {one.says: one.why for one in check(store, name).findings}
        assert findings["it has as many rows as the log has things"] == "-1 rows"
    shop.close()


async def test_a_forgotten_client_leaves_no_gap(tmp_path: Path) -> None:
    """What its envelopes still say is not what the views have rows of."""
    shop = Shop(tmp_path / "ws")
    await shop.approve(await shop.run("Invoice Acme Studio 1,200 EUR for the March workshop"))
    store = shop.platform.store
    refresh(store, now=NOW)
    store.sealer.keys.destroy("acme-studio")
    assert [one.why for one in check(store, "approvals").findings] == [
        "it was made from another log, or before a client was forgotten"
    ]
    refresh(store, now=NOW)
    for name in ("tasks", "approvals", "effects", "numbers"):
        assert check(store, name).findings == ()
    shop.close()


async def test_views_of_different_moments_are_brought_together_first(tmp_path: Path) -> None:
    shop = Shop(tmp_path / "ws")
    state = await shop.run("Invoice Acme Studio 1,200 EUR for the March workshop")
    store = shop.platform.store
    refresh(store, now=NOW)
    await shop.approve(state)
    refresh(store, ["invoices"], now=NOW)  # `numbers` knows no number yet
    assert check(store, "invoices").ok
    shop.close()


def test_a_number_that_the_operator_raised_is_no_gap(shop: Shop, frames: Frames) -> None:
    raised = plant(frames["numbers"], [Fault("numbers", "", {"series": "invoice", "serial": 100, "number": "x"})])[0]
    gap = "a series has no gap"
    assert gap in {one.says for one in check_view("numbers", raised, Beside(frames)).findings}
    assert gap not in {one.says for one in check_view("numbers", raised, Beside(frames, frozenset({100}))).findings}
    assert raised_numbers(shop.platform.store) <= {1}
