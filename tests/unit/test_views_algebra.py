"""The algebra of views: however a log is cut, folding the pieces and merging them is folding the whole."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from agentos.clock import FixedClock
from agentos.events.record import NewEvent
from agentos.platform import Store, open_store
from agentos.views.catalogue import VIEWS
from agentos.views.fold import Fold
from agentos.views.history import seal, sealable, typed_rows
from agentos.views.read import read_view
from agentos.views.refresh import refresh
from tests.fakes.history import CLIENTS, Story
from tests.replay.recording import VIGNETTE, load

BEGAN = datetime(2026, 9, 1, 9, 0, tzinfo=UTC)
AFTER = datetime(2027, 1, 31, 9, 0, tzinfo=UTC)
FOLDS: list[Fold] = [view.fold for view in VIEWS.values() if view.fold is not None]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> pl.DataFrame:
    root = tmp_path_factory.mktemp("recorded")
    load(VIGNETTE, root)
    return rows_of(open_store(root))


def rows_of(store: Store) -> pl.DataFrame:
    return pl.concat(typed_rows(store))


def whole_is_the_sum(rows: pl.DataFrame, cuts: list[int]) -> None:
    places = sorted({0, rows.height, *(min(cut, rows.height) for cut in cuts)})
    pieces = [rows[start:end] for start, end in pairwise(places)]
    for fold in FOLDS:
        at_once = fold.fold(rows)
        parts = [fold.fold(piece) for piece in pieces]
        assert_frame_equal(fold.merge(*parts), at_once)
        one_by_one = fold.empty()
        for part in parts:
            one_by_one = fold.merge(one_by_one, part)
        assert_frame_equal(one_by_one, at_once)
        assert_frame_equal(fold.shown(fold.merge(*parts)), fold.shown(at_once))


@settings(max_examples=8, deadline=None)
@given(cuts=st.lists(st.integers(0, 50), max_size=4))
def test_a_recorded_log_may_be_cut_anywhere(recorded: pl.DataFrame, cuts: list[int]) -> None:
    whole_is_the_sum(recorded, cuts)


turns = st.lists(st.tuples(st.integers(0, 2**32), st.sampled_from(CLIENTS), st.integers(0, 60)), max_size=25)


def told(root: Path, turns: list[Any], after_each: Callable[[Store], None] = lambda store: None) -> Store:
    """A log as a story of these turns leaves it: (what happens, to whom, how many hours later)."""
    clock = FixedClock(BEGAN)
    store = open_store(root, clock=clock)
    story = Story()
    for choice, client, hours in turns:
        clock.advance(timedelta(hours=hours - 2))  # now and then the clock goes back
        events: list[NewEvent] = story.turn(choice, client, clock.at)
        store.log.append(events)
        after_each(store)
    return store


@settings(max_examples=12, deadline=None)
@given(turns=turns, cuts=st.lists(st.integers(0, 60), max_size=4))
def test_a_made_up_log_may_be_cut_anywhere(
    tmp_path_factory: pytest.TempPathFactory, turns: list[Any], cuts: list[int]
) -> None:
    store = told(tmp_path_factory.mktemp("log"), turns)
    if store.log.head()[0]:
        whole_is_the_sum(rows_of(store), cuts)
    store.close()


@settings(max_examples=8, deadline=None)
@given(turns=turns, looks=st.sets(st.integers(0, 25)), seals=st.sets(st.integers(0, 25)))
def test_going_on_equals_a_rebuild_and_sealed_days_equal_the_log(
    tmp_path_factory: pytest.TempPathFactory, turns: list[Any], looks: set[int], seals: set[int]
) -> None:
    n = iter(range(10**6))

    def look(store: Store) -> None:
        turn = next(n)
        if turn in looks:
            refresh(store, now=AFTER)
        if turn in seals:
            seal_all(store, now=store.log.last().at)  # type: ignore[union-attr]

    store = told(tmp_path_factory.mktemp("log"), turns, look)
    refresh(store, now=AFTER)
    kept = everything(store)
    refresh(store, rebuild=True, now=AFTER, sealed=False)
    from_log = everything(store)
    seal_all(store, now=AFTER)
    assert sealable(store, now=AFTER) == []
    refresh(store, rebuild=True, now=AFTER)
    from_days = everything(store)
    for name in VIEWS:
        assert_frame_equal(kept[name], from_log[name])
        assert_frame_equal(from_days[name], from_log[name])
    store.close()


def seal_all(store: Store, now: datetime) -> None:
    for day in sealable(store, now=now):
        seal(store, day, now=now)


def everything(store: Store) -> dict[str, pl.DataFrame]:
    return {name: read_view(store.root, name) for name in VIEWS}


@pytest.mark.slow
def test_a_history_says_the_same_however_it_is_read(history: Path, tmp_path: Path) -> None:
    root = shutil.copytree(history, tmp_path / "week")
    store = open_store(root)
    rows = rows_of(store)
    whole_is_the_sum(rows, [rows.height // 7 * n for n in range(1, 7)])
    refresh(store, rebuild=True, now=AFTER, sealed=False)
    from_log = everything(store)
    seal_all(store, now=AFTER)
    refresh(store, rebuild=True, now=AFTER)
    for name, frame in everything(store).items():
        assert_frame_equal(frame, from_log[name])
    assert {"paid", "open"} & set(from_log["invoices"]["status"])
    balance = from_log["postings"].group_by("currency").agg(pl.col("amount").sum())
    assert balance["amount"].to_list() == [0] * balance.height
    store.close()
