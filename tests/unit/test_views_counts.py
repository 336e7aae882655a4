"""The views calls, steps, drifts and invoices have as many rows as the log has such things, counted by a walk over the
log in plain Python that shares nothing with the folds: after any event of a simulated history, and of any story."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentos.events.record import Record
from agentos.platform import open_store
from agentos.views.catalogue import VIEWS
from agentos.views.history import typed_rows
from agentos.views.tables.invoices import make
from agentos.views.view import Moment
from tests.unit.test_views_algebra import AFTER, rows_of, told, turns

pytestmark = pytest.mark.xdist_group("history")
COUNTED = ("calls", "steps", "drifts", "invoices")


@dataclass
class Walk:
    """Who reads the log with a pencil in hand."""

    calls: set[tuple[str, str]] = field(default_factory=set)
    steps: set[tuple[str, str]] = field(default_factory=set)
    drifts: set[str] = field(default_factory=set)
    bills: dict[str, str] = field(default_factory=dict)
    """Effect that issues an invoice -> how it stands: begun, done or failed."""
    begun: set[str] = field(default_factory=set)
    asked: dict[str, list[str]] = field(default_factory=dict)
    """Card -> the effects that it was first laid on the desk for."""
    waiting: dict[str, bool] = field(default_factory=dict)

    def take(self, record: Record) -> None:
        family, data = record.type.partition(".")[0], record.data
        task = record.stream.removeprefix("task/")
        if family in ("drift", "repair"):
            self.drifts.add(data["fingerprint"])
        if record.type in ("model.reserved", "model.called", "model.settled"):
            self.calls.add((task, data["call"]))
        if family == "step" or record.type in ("model.called", "model.settled", "approval.edited"):
            self.steps.add((task, data["step"]))
        if family == "approval":
            self._card(record.type, data)
        if family == "effect":
            self._effect(record.type, data)

    def _card(self, type: str, data: dict[str, Any]) -> None:
        self.waiting[data["card"]] = type == "approval.requested"
        if type == "approval.requested":
            self.asked.setdefault(data["card"], [one["key"] for one in data["effects"]])

    def _effect(self, type: str, data: dict[str, Any]) -> None:
        key = data["effect"]
        self.begun.add(key)
        if type == "effect.started" and (data["system"], data["verb"]) == ("invoice", "issue"):
            self.bills.setdefault(key, "begun")
        if key not in self.bills or self.bills[key] == "done":
            return
        if type in ("effect.done", "effect.found"):
            self.bills[key] = "done"
        elif type == "effect.failed" and data["kind"] != "transient":
            self.bills[key] = "failed"
        else:
            self.bills[key] = "begun"

    def counts(self) -> dict[str, int]:
        asked = [key for card, keys in self.asked.items() if self.waiting[card] for key in keys]
        drafts = [key for key in asked if key.startswith("invoice:") and "/issue/" in key and key not in self.begun]
        bills = sum(how != "failed" for how in self.bills.values()) + len(drafts)
        return {"calls": len(self.calls), "steps": len(self.steps), "drifts": len(self.drifts), "invoices": bills}


def walked(records: Iterable[Record]) -> dict[str, int]:
    walk = Walk()
    for record in records:
        walk.take(record)
    return walk.counts()


def rows_in_views(rows: pl.DataFrame) -> dict[str, int]:
    frames = {name: shown(name, rows) for name in ("calls", "steps", "drifts", "effects", "approvals")}
    frames["invoices"] = make({name: frame.lazy() for name, frame in frames.items()}, Moment(AFTER)).collect()
    return {name: frames[name].height for name in COUNTED}


def shown(name: str, rows: pl.DataFrame) -> pl.DataFrame:
    fold = VIEWS[name].fold
    assert fold is not None
    return fold.shown(fold.fold(rows))


@pytest.fixture(scope="module")
def lived(history: Path) -> Iterator[tuple[list[Record], pl.DataFrame]]:
    store = open_store(history)
    records = list(store.log.read())
    yield records, pl.concat(typed_rows(store))
    store.close()


def test_the_simulated_history_has_some_of_each(lived: tuple[list[Record], pl.DataFrame]) -> None:
    records, rows = lived
    found = walked(records)
    assert rows_in_views(rows) == found
    assert {name for name, count in found.items() if count} >= {"calls", "steps", "invoices"}


@settings(max_examples=30, deadline=None)
@given(cut=st.floats(0, 1))
def test_after_any_event_of_a_simulated_history(lived: tuple[list[Record], pl.DataFrame], cut: float) -> None:
    records, rows = lived
    seq = round(cut * records[-1].seq)
    assert rows_in_views(rows.filter(pl.col("seq") <= seq)) == walked(one for one in records if one.seq <= seq)


@settings(max_examples=20, deadline=None)
@given(turns=turns)
def test_after_any_story(tmp_path_factory: pytest.TempPathFactory, turns: list[Any]) -> None:
    store = told(tmp_path_factory.mktemp("story"), turns)
    if store.log.head()[0]:
        assert rows_in_views(rows_of(store)) == walked(store.log.read())
    store.close()
