"""Views that grow with the log: the same whether they were built at once or a little at a time."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentos.clock import FixedClock
from agentos.errors import Refused
from agentos.events.record import NewEvent
from agentos.platform import Store, open_store
from agentos.views import overview as module
from agentos.views.overview import Overview, overview
from agentos.views.spending import Spending

BERLIN = ZoneInfo("Europe/Berlin")
BEGAN = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


def event(kind: str, task: int, card: int = 0) -> NewEvent:
    stream = f"task/{task}"
    if kind == "notice":
        return NewEvent("approval.requested", stream, {"card": f"c{card}"}, key=f"approval.requested/{card}/notice")
    if kind == "answered":
        return NewEvent("approval.answered", stream, {"card": f"c{card}"}, key=f"approval.answered/c{card}")
    return NewEvent(f"task.{kind}", stream, {}, key=f"{kind}/{task}/{card}")


kinds = st.sampled_from(["opened", "completed", "failed", "cancelled", "notice", "answered"])
stories = st.lists(st.tuples(kinds, st.integers(0, 5)), max_size=30)


@settings(max_examples=25, deadline=None)
@given(story=stories, looks=st.lists(st.integers(0, 30), max_size=4))
def test_an_overview_kept_on_the_way_equals_one_built_at_the_end(
    tmp_path_factory: pytest.TempPathFactory, story: list[tuple[str, int]], looks: list[int]
) -> None:
    store = open_store(tmp_path_factory.mktemp("log"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "KEEP_EVERY", 1)
        for n, (kind, task) in enumerate(story):
            try:
                store.log.append(event(kind, task, n if kind != "answered" else n - 1))
            finally:
                if n in looks:
                    overview(store)
        kept = overview(store)
        (store.root / "state" / "views" / "overview.json").unlink(missing_ok=True)
        assert kept == overview(store)
    store.close()


def test_a_kept_overview_of_another_history_is_not_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEEP_EVERY", 1)
    store = open_store(tmp_path)
    store.log.append(event("opened", 1))
    assert list(overview(store).open) == ["task/1"]
    kept = tmp_path / "state" / "views" / "overview.json"
    kept.write_text(json.dumps(json.loads(kept.read_text()) | {"hash": "00", "open": {"task/9": None}}))
    assert list(overview(store).open) == ["task/1"]
    kept.write_text("{")
    assert list(overview(store).open) == ["task/1"]
    store.close()


def test_a_folder_that_cannot_be_written_costs_only_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEEP_EVERY", 1)
    store = open_store(tmp_path)
    (tmp_path / "state" / "views").write_text("in the way")
    store.log.append(event("opened", 1))
    assert overview(store) == Overview(1, store.log.head()[1].hex(), {"task/1": None})
    store.close()


# -- spending


def reserved(call: int, amount: int) -> NewEvent:
    data = {"call": str(call), "step": "s", "cost": {"amount": str(amount), "currency": "USD"}, "tokens": amount}
    return NewEvent("model.reserved", "task/1", data, key=f"r{call}")


def settled(call: int, amount: int) -> NewEvent:
    data = {"call": str(call), "step": "s", "cost": {"amount": str(amount), "currency": "USD"}, "tokens": amount}
    return NewEvent("model.settled", "task/1", data, key=f"s{call}")


class Book:
    def __init__(self, folder: Path) -> None:
        self.clock = FixedClock(BEGAN)
        self.store: Store = open_store(folder, clock=self.clock)

    def spent(self, spending: Spending, days: int = 0, reader: Any = None) -> tuple[Decimal, int]:
        first = (self.clock.now() - timedelta(days=days)).astimezone(BERLIN).date()
        costs, tokens = spending.since(reader or self.store.log, first, self.clock.now(), BERLIN)
        return costs.get("USD", Decimal(0)), tokens


@settings(max_examples=25, deadline=None)
@given(
    calls=st.lists(st.tuples(st.booleans(), st.integers(0, 9), st.integers(0, 30)), max_size=20),
    caught=st.sets(st.integers(0, 20)),
)
def test_spending_that_was_kept_equals_spending_read_anew(
    tmp_path_factory: pytest.TempPathFactory, calls: list[tuple[bool, int, int]], caught: set[int]
) -> None:
    book, kept = Book(tmp_path_factory.mktemp("log")), Spending()
    open_calls: list[int] = []
    for n, (settles, amount, hours) in enumerate(calls):
        book.clock.advance(timedelta(hours=hours))
        if settles and open_calls:
            book.store.log.append(settled(open_calls.pop(0), amount))
        else:
            book.store.log.append(reserved(n, amount))
            open_calls.append(n)
        if n in caught:
            kept.catch_up(book.store.log, book.clock.now(), BERLIN)
    for days in (0, 1, 5):
        assert book.spent(kept, days) == book.spent(Spending(), days)
    book.store.close()


def test_what_a_refused_claim_saw_is_not_kept(tmp_path: Path) -> None:
    book, spending = Book(tmp_path), Spending()
    book.store.log.append(reserved(1, 5))
    seen = []

    def neighbour(reader: Any) -> list[NewEvent]:
        seen.append(book.spent(spending, reader=reader))
        raise Refused("too dear")

    spending.catch_up(book.store.log, book.clock.now(), BERLIN)
    futures = [book.store.log.submit([reserved(2, 7), reserved(1, 7)]), book.store.log.submit(neighbour)]
    assert [type(future.exception()).__name__ for future in futures] == ["Conflict", "Refused"]
    assert seen == [(Decimal(5), 5)]
    book.store.log.append(reserved(3, 1))
    assert book.spent(spending) == (Decimal(6), 6)
    book.store.close()


def test_a_new_month_begins_with_nothing_but_what_is_settled_in_it(tmp_path: Path) -> None:
    book, spending = Book(tmp_path), Spending()
    book.store.log.append(reserved(1, 5))
    spending.catch_up(book.store.log, book.clock.now(), BERLIN)
    book.clock.at = datetime(2026, 12, 1, 0, 30, tzinfo=BERLIN).astimezone(UTC)
    assert book.spent(spending) == (Decimal(0), 0)
    book.store.log.append(settled(1, 4))
    assert book.spent(spending) == (Decimal(4), 4)
    book.store.close()
