"""Column lineage: what a column is said to come from can change it, and nothing else does. Tried out on a made-up
history, column by column."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from agentos.clock import FixedClock
from agentos.platform import open_store
from agentos.views.catalogue import VIEWS
from agentos.views.history import typed_rows
from agentos.views.lineage import lineage
from agentos.views.view import HISTORY, Moment, View
from agentos_assets.views.declared import declared
from tests.fakes.history import CLIENTS, Story

BEGAN = datetime(2026, 9, 1, 9, 0, tzinfo=UTC)
MOMENT = Moment(BEGAN + timedelta(days=60))
Frames = Mapping[str, pl.DataFrame]


@pytest.fixture(scope="module")
def frames(tmp_path_factory: pytest.TempPathFactory) -> Frames:
    """Typed rows as `history`, and every view of them."""
    clock = FixedClock(BEGAN)
    store, story = open_store(tmp_path_factory.mktemp("story"), clock=clock), Story()
    for turn in range(250):
        clock.advance(timedelta(hours=3))
        store.log.append(story.turn(turn, CLIENTS[turn % len(CLIENTS)], clock.now()))
    found = {HISTORY: pl.concat(typed_rows(store), how="diagonal")}
    store.close()
    for view in VIEWS.values():
        found[view.name] = made(view, found)
    return found


def made(view: View, frames: Frames) -> pl.DataFrame:
    if view.fold is not None:
        return view.fold.shown(view.fold.fold(frames[HISTORY]))
    assert view.make is not None
    return view.make({name: frames[name].lazy() for name in view.depends}, MOMENT).collect()


def changed(view: View, frames: Frames, source: str, column: str) -> set[str]:
    """Columns of rows that are there before and after, once the values of `column` stand in each other's places."""
    frame = frames[source]
    other = frame.with_columns(pl.col(column).shuffle(seed=7))
    before, after = (
        made(view, one).select(*view.columns).unique(view.key, keep="none")
        for one in (frames, {**frames, source: other})
    )
    both = before.join(after, on=view.key, how="inner", nulls_equal=True, suffix="!")
    rest = [name for name in view.columns if name not in view.key]
    return {name for name in rest if not both[name].equals(both[f"{name}!"])}


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
def test_a_column_changes_only_with_what_it_comes_from(view: View, frames: Frames) -> None:
    found = lineage(view)
    tried = [(source, column) for source in view.depends for column in frames[source].columns if column != "seq"]
    said = {(name, one) for name, sources in found.items() for one in sources}
    changes = {(name, one) for one in tried for name in changed(view, frames, *one)}
    assert sorted(changes - said) == []
    assert changes, "nothing was tried"


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
def test_every_column_comes_from_columns_that_are_there(view: View, frames: Frames) -> None:
    for name, sources in lineage(view).items():
        assert sources, name
        assert {source for source, _ in sources} <= set(view.depends)
        assert all(column in frames[source].columns for source, column in sources)


def test_what_a_person_would_say_of_some() -> None:
    owed = {"client", "currency", "status"}
    assert lineage(VIEWS["receivables"])["open"] == [("invoices", one) for one in sorted({*owed, "open"})]
    assert {source for source, _ in lineage(VIEWS["kpis"])["revenue"]} == {"invoices"}
    assert ("calls", "cost") in lineage(VIEWS["costs"])["cost"]
    assert ("history", "workflow") in lineage(VIEWS["tasks"])["workflow"]
    assert ("history", "parked") in lineage(VIEWS["tasks"])["parked"], "through what the fold keeps for itself"


def test_definitions_say_the_same() -> None:
    assert {view.name: {name: list(found) for name, found in view.sources.items()} for view in declared()} == {
        view.name: lineage(view) for view in VIEWS.values()
    }
