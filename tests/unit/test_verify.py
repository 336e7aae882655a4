"""`log verify` finds every damage: flipped bits, dropped, moved and renumbered records, a cut tail, a changed blob."""

from __future__ import annotations

import shutil
from pathlib import Path

import apsw
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from agentos.events.export import export
from agentos.events.record import NewEvent
from agentos.events.verify import verify
from agentos.events.witness import witness_of
from agentos.platform import Store, open_store

COLUMNS = (
    "id",
    "stream",
    "version",
    "type",
    "at",
    "actor",
    "subject",
    "key",
    "correlation",
    "causation",
    "data",
    "hash",
)


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("log")
    store = open_store(root)
    for n in range(40):
        subject = "acme-studio" if n % 3 == 0 else None
        store.log.append(NewEvent("test.noted", f"test/{n % 4}", {"n": n}, key=f"k{n}", subject=subject))
    store.blobs.put(b"a large draft", None)
    witness_of(root).note(*store.log.head())
    store.close()
    with apsw.Connection(str(root / "state" / "events.db")) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return root


def damaged(pristine: Path, tmp_path: Path, *statements: str) -> Store:
    root = tmp_path / "copy"
    shutil.rmtree(root, ignore_errors=True)
    shutil.copytree(pristine, root)
    connection = apsw.Connection(str(root / "state" / "events.db"))
    for trigger in ("events_no_update", "events_no_delete", "events_in_order"):
        connection.execute(f"DROP TRIGGER {trigger}")
    for statement in statements:
        connection.execute(statement)
    connection.close()
    return open_store(root)


def test_an_untouched_log_verifies(pristine: Path) -> None:
    store = open_store(pristine)
    verdict = verify(store.log, store.blobs, witness_of(pristine).notes())
    assert (verdict.ok, verdict.events, verdict.blobs) == (True, 40, 1)


@settings(max_examples=60, deadline=None)
@given(seq=st.integers(1, 40), column=st.sampled_from(COLUMNS), byte=st.integers(0, 200), bit=st.integers(0, 7))
def test_a_flipped_bit_is_found_where_it_is(
    pristine: Path, tmp_path_factory: pytest.TempPathFactory, seq: int, column: str, byte: int, bit: int
) -> None:
    tmp_path = tmp_path_factory.mktemp("flip")
    store = damaged(pristine, tmp_path)
    connection = apsw.Connection(str(store.log.path))
    (value,) = next(iter(connection.execute(f"SELECT {column} FROM events WHERE seq = {seq}")))
    if value is None:
        changed: object = "x"
    elif isinstance(value, int):
        changed = value ^ (1 << bit)
    else:
        raw = bytearray(value.encode() if isinstance(value, str) else value)
        raw[byte % len(raw)] ^= 1 << (bit % 7)
        changed = raw.decode("ascii", "replace") if isinstance(value, str) else bytes(raw)
    for trigger in ("events_no_update", "events_no_delete", "events_in_order"):
        connection.execute(f"DROP TRIGGER IF EXISTS {trigger}")
    try:
        connection.execute(f"UPDATE events SET {column} = ? WHERE seq = ?", (changed, seq))
    except apsw.ConstraintError:
        assume(False)  # it became another event's key: the database itself refuses that
    connection.close()
    verdict = verify(store.log)
    assert not verdict.ok
    assert verdict.first_bad == seq
    shutil.rmtree(tmp_path)


@pytest.mark.parametrize(
    ("statements", "first_bad"),
    [
        (["DELETE FROM events WHERE seq = 7"], 7),
        (["DELETE FROM events WHERE seq = 7", "UPDATE events SET seq = seq - 1 WHERE seq > 7"], 7),
        ([f"UPDATE events SET seq = {b} WHERE seq = {a}" for a, b in ((5, 900), (6, 5), (900, 6))], 5),
        (["DELETE FROM events WHERE seq > 30"], 31),
    ],
    ids=["dropped", "dropped and renumbered", "swapped", "cut tail"],
)  # fmt: skip
def test_missing_and_moved_events_are_found(
    pristine: Path, tmp_path: Path, statements: list[str], first_bad: int
) -> None:
    store = damaged(pristine, tmp_path, *statements)
    verdict = verify(store.log, witnesses=witness_of(pristine).notes())
    assert not verdict.ok
    assert verdict.first_bad == first_bad


def test_a_changed_blob_is_named(pristine: Path, tmp_path: Path) -> None:
    store = damaged(pristine, tmp_path)
    name = next(store.blobs.names())
    store.blobs.path(name).write_bytes(b"something else")
    verdict = verify(store.log, store.blobs)
    assert not verdict.ok
    assert name[:16] in verdict.why


def test_the_log_still_verifies_after_a_client_was_forgotten(pristine: Path, tmp_path: Path) -> None:
    store = damaged(pristine, tmp_path)
    store.sealer.keys.destroy("acme-studio")
    assert verify(store.log, store.blobs).ok
    assert sum(record.forgotten for record in store.log.read()) == 14


@pytest.mark.parametrize("format", ["jsonl", "parquet"])
def test_an_export_holds_every_event(pristine: Path, tmp_path: Path, format: str) -> None:
    store = open_store(pristine)
    files = export(store.log, tmp_path / "out", format=format)  # type: ignore[arg-type]
    if format == "jsonl":
        assert len(files[0].read_text().splitlines()) == 40
    else:
        import polars as pl

        frame = pl.read_parquet(files)
        assert frame["seq"].to_list() == list(range(1, 41))


def test_a_passage_names_its_file_and_no_blob(tmp_path: Path) -> None:
    """An answer of knowledge.search that is small enough to stand in the event itself."""
    store = open_store(tmp_path)
    passage = {"source": "notes.md", "text": "Short.", "origin": "knowledge", "blob": "46ae" * 16}
    store.log.append(NewEvent("tool.called", "task/t", {"answer": [passage]}))
    assert verify(store.log, blobs=store.blobs).ok
    store.log.append(NewEvent("tool.called", "task/t", {"answer": [passage | {"origin": "web"}]}))
    assert not verify(store.log, blobs=store.blobs).ok
    store.close()
