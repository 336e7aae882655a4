"""Views of real logs: what is published, that going on equals a rebuild, and sealed days the log."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from agentos.errors import AgentOSError
from agentos.events.record import NewEvent
from agentos.platform import Store, open_store
from agentos.views.catalogue import VIEWS
from agentos.views.history import check, seal, sealable, sealed_days
from agentos.views.read import read_view, view_at
from agentos.views.refresh import refresh
from agentos.views.sql import publish_sql
from tests.replay.recording import VIGNETTE, load

LATER = datetime(2026, 11, 27, 9, 0, tzinfo=UTC)
AFTERWARDS = datetime(2100, 1, 1, tzinfo=UTC)
"""When every day is over."""


@pytest.fixture
def store(tmp_path: Path) -> Store:
    load(VIGNETTE, tmp_path)
    return open_store(tmp_path)


def frames(store: Store) -> dict[str, pl.DataFrame]:
    return {name: read_view(store.root, name) for name in VIEWS}


def same(one: dict[str, pl.DataFrame], other: dict[str, pl.DataFrame]) -> None:
    assert one.keys() == other.keys()
    for name in one:
        assert_frame_equal(one[name], other[name])


def test_the_vignette_is_a_task_an_approval_four_effects_and_an_invoice(store: Store) -> None:
    published = refresh(store, now=LATER)
    assert {name: published[name].rows for name in ("tasks", "steps", "approvals", "effects", "invoices")} == {
        "tasks": 1, "steps": 7, "approvals": 1, "effects": 4, "invoices": 1,
    }  # fmt: skip
    task = read_view(store.root, "tasks").row(0, named=True)
    assert (task["status"], task["client"], task["interruptions"]) == ("completed", "acme-studio", 1)
    invoice = read_view(store.root, "invoices").row(0, named=True)
    assert (invoice["status"], invoice["open"], invoice["currency"]) == ("open", Decimal("1428.00"), "EUR")
    assert [record.type for seq in invoice["seqs"] for record in store.log.read(after=seq - 1, limit=1)] == [
        "effect.started", "effect.done",
    ]  # fmt: skip


def test_every_view_has_the_columns_that_the_catalogue_names(store: Store) -> None:
    refresh(store, now=LATER)
    for name, view in VIEWS.items():
        frame = read_view(store.root, name)
        assert dict(frame.schema) == {column: pl.DataFrame(schema={"c": one.dtype}).schema["c"]
                                      for column, one in view.columns.items()}, name  # fmt: skip
        assert frame.select(view.key).is_duplicated().sum() == 0
        assert frame["seqs"].null_count() == 0, name


def test_nothing_new_is_nothing_published(store: Store) -> None:
    first = refresh(store, now=LATER)
    again = refresh(store, now=LATER)
    assert {name: one.digest for name, one in first.items()} == {name: one.digest for name, one in again.items()}
    assert all(one.new_rows == 0 for one in again.values())


def test_a_view_brings_what_it_is_made_from(store: Store) -> None:
    assert set(refresh(store, ["receivables"])) == {"effects", "approvals", "invoices", "receivables"}
    with pytest.raises(AgentOSError, match="Did you mean invoices"):
        refresh(store, ["invoice"])
    with pytest.raises(AgentOSError, match="not published"):
        read_view(store.root, "tasks")


def test_sealed_days_say_what_the_log_says(store: Store) -> None:
    refresh(store, now=LATER)
    from_log = frames(store)
    assert sealable(store, now=LATER) == [date(2026, 11, 23)]
    sealed = seal(store, date(2026, 11, 23), now=LATER)
    assert (sealed.rows, sealed.first_seq, sealed.types["effect.done"]) == (47, 1, 4)
    assert sealable(store, now=LATER) == []
    assert [one.day for one in sealed_days(store)] == [sealed.day]
    refresh(store, rebuild=True, now=LATER)
    same(frames(store), from_log)


@pytest.mark.parametrize("name", ["", " ", ",", '"', '""', "a\nb", "a\r\nb", "null", "#", "é⟦", "\\N"])
def test_a_name_of_any_letters_comes_back_from_a_sealed_day(store: Store, name: str) -> None:
    started = {"step": name, "round": 1, "attempt": 1, "agent": name, "agent_version": "1", "tier": "small"}
    completed = {"step": name, "round": 1, "confidence": 0.1 + 0.2}
    store.log.append([
        NewEvent("step.started", "task/new", started, subject="acme-studio", correlation="new"),
        NewEvent("step.completed", "task/new", completed, subject="acme-studio", correlation="new"),
    ])  # fmt: skip
    refresh(store, now=LATER)
    from_log = frames(store)
    for day in sealable(store, now=AFTERWARDS):
        seal(store, day, now=AFTERWARDS)
    refresh(store, rebuild=True, now=LATER)
    same(frames(store), from_log)
    step = read_view(store.root, "steps").row(-1, named=True)
    assert (step["step"], step["agent"], step["confidence"]) == (name, name, 0.1 + 0.2)


def test_a_day_that_goes_on_is_not_sealed(store: Store) -> None:
    assert sealable(store, now=datetime(2026, 11, 23, 23, 59, tzinfo=UTC)) == []
    with pytest.raises(AgentOSError, match="not over"):
        seal(store, date(2026, 11, 23), now=datetime(2026, 11, 23, 23, 59, tzinfo=UTC))


def test_a_day_that_was_altered_is_read_from_the_log_and_made_again(store: Store) -> None:
    refresh(store, now=LATER)
    from_log = frames(store)
    sealed = seal(store, date(2026, 11, 23), now=LATER)
    sealed.path.write_bytes(sealed.path.read_bytes()[:-1] + b"x")
    assert check(store, sealed.day) == "altered"
    refresh(store, rebuild=True, now=LATER)
    same(frames(store), from_log)
    assert sealable(store, now=LATER) == [sealed.day]
    assert seal(store, sealed.day, now=LATER) == sealed
    assert check(store, sealed.day) == "ok"


def test_sql_reads_what_is_published_while_it_is_published_again(store: Store) -> None:
    refresh(store, now=LATER)
    with duckdb.connect(publish_sql(store.root), read_only=True) as reader:
        assert reader.execute("SELECT status, open FROM invoices").fetchall() == [("open", Decimal("1428.00"))]
        refresh(store, rebuild=True, now=datetime(2026, 12, 24, tzinfo=UTC))
        assert reader.execute("SELECT status FROM invoices").fetchall() == [("overdue",)]
        publish_sql(store.root)


def test_published_files_are_the_owners_alone(store: Store) -> None:
    refresh(store, now=LATER)
    publish_sql(store.root)
    seal(store, date(2026, 11, 23), now=LATER)
    for path in [*(store.root / "state" / "views").iterdir(), *(store.root / "state" / "history").iterdir()]:
        assert path.stat().st_mode & 0o077 == 0, path.name
    at = view_at(store.root / "state" / "views" / "tasks.parquet")
    assert at is not None
    assert at.seq == 47


@pytest.mark.parametrize("sealed", [False, True])
def test_a_client_whose_key_is_gone_is_in_no_view_but_as_an_envelope(store: Store, sealed: bool) -> None:
    if sealed:
        seal(store, date(2026, 11, 23), now=LATER)
    refresh(store, now=LATER)
    store.sealer.keys.destroy("acme-studio")
    refresh(store, now=LATER)
    for name in ("invoices", "receivables", "effects", "approvals", "postings"):
        assert read_view(store.root, name).height == 0, name
    task = read_view(store.root, "tasks").row(0, named=True)
    assert (task["status"], task["workflow"]) == ("completed", None)
    assert read_view(store.root, "numbers")["number"].to_list() == ["2026-0001"]


def test_a_key_that_comes_back_brings_its_client_back(store: Store) -> None:
    """A restore of the keys' folder, after days were sealed without it."""
    folder = store.root / "state" / "keys"
    away = folder.rename(folder.with_name("away"))
    without = open_store(store.root)
    sealed = seal(without, date(2026, 11, 23), now=LATER)
    assert sealed.without == ("acme-studio", "beta-ltd")
    refresh(without, now=LATER)
    assert read_view(store.root, "invoices").height == 0
    shutil.rmtree(folder, ignore_errors=True)
    away.rename(folder)
    again = open_store(store.root)
    assert sealable(again, now=LATER) == [sealed.day]
    refresh(again, now=LATER)
    assert read_view(store.root, "invoices")["number"].to_list() == ["2026-0001"]


def test_a_view_of_another_history_is_made_again(store: Store, tmp_path: Path) -> None:
    other = open_store(tmp_path / "other")
    other.log.append([NewEvent("task.opened", f"task/{n}", {"trigger": "x", "rehearsal": False}) for n in range(60)])
    refresh(other, now=LATER)
    shutil.copytree(tmp_path / "other" / "state" / "views", store.root / "state" / "views")
    refresh(store, now=LATER)
    assert read_view(store.root, "tasks").height == 1


def test_two_that_refresh_at_once_publish_the_same(store: Store) -> None:
    with ThreadPoolExecutor(3) as pool:
        runs = [pool.submit(refresh, open_store(store.root), rebuild=True, now=LATER) for _ in range(3)]
        said = [{name: one.digest for name, one in run.result().items()} for run in runs]
    assert said[0] == said[1] == said[2]


def test_an_event_of_an_unknown_shape_is_read_as_its_envelope(store: Store) -> None:
    store.log.append(NewEvent("step.started", "task/new", {"step": "draft"}, correlation="new"))
    store.log.append(NewEvent("comet.seen", "sky", {"tail": 3}))
    refresh(store, now=LATER)
    assert read_view(store.root, "tasks")["task"].to_list()[-1] == "new"
    assert read_view(store.root, "steps").height == 7
