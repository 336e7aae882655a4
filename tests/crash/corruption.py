"""Damages a finished workspace's log and blobs in every way a disk or a hand can, and asks whether it is found.

    python -m tests.crash.corruption --tries 10000 --seed 1

A try is found (opening or `verify` refuses), harmless (the log reads back the very same events, along every index,
and the very same blobs), or missed. Its last line is `tries N, found N, harmless N, missed N`; exit code 1 when any is
missed.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import apsw

from agentos.errors import AgentOSError
from agentos.events.verify import verify
from agentos.events.witness import witness_of
from agentos.platform import Store, open_store
from tests.fakes.business import Shop

SAYS = "Produce a blog post about heat pumps for older houses and invoice Acme Studio 1,200 EUR"
COLUMNS = (
    "id", "stream", "version", "type", "at", "actor", "subject", "key", "correlation", "causation", "data", "hash",
)  # fmt: skip
Fate = Literal["found", "harmless", "missed"]
PAGE = 4096


@dataclass
class Pristine:
    """A finished workspace at rest, and all that can be read from it."""

    root: Path
    database: bytes
    events: dict[str, Any]
    blobs: dict[str, bytes]


@dataclass
class Try:
    """One copy that is to be damaged. `did` says what was done to it."""

    root: Path
    rng: random.Random
    did: str = ""

    @property
    def database(self) -> Path:
        return self.root / "state" / "events.db"

    @property
    def blobs(self) -> list[Path]:
        return sorted(path for path in (self.root / "state" / "blobs").glob("??/*"))

    def connect(self) -> apsw.Connection:
        connection = apsw.Connection(str(self.database))
        connection.execute("PRAGMA synchronous=OFF")
        for trigger in ("events_no_update", "events_no_delete", "events_in_order"):
            connection.execute(f"DROP TRIGGER {trigger}")
        return connection


@dataclass
class Tally:
    fates: Counter[Fate] = field(default_factory=Counter)
    kinds: Counter[tuple[str, Fate]] = field(default_factory=Counter)
    missed: list[str] = field(default_factory=list)


def make(root: Path) -> Pristine:
    """The story of the README in a real workspace, undone again, so that all families of events are there."""

    async def story(shop: Shop) -> None:
        state = await shop.run(SAYS)
        while not state.closed:
            state = await shop.approve(state)
        undo = shop.desk.undo(shop.desk.undoable(state.id))
        assert (await shop.advance(undo)).status == "completed"

    shop = Shop(root)
    asyncio.run(story(shop))
    shop.close()
    return read(root)


def read(root: Path) -> Pristine:
    path = root / "state" / "events.db"
    with apsw.Connection(str(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    store = open_store(root)
    blobs = {name: store.blobs.path(name).read_bytes() for name in store.blobs.names()}
    assert verify(store.log, store.blobs, witness_of(root).notes()).ok
    return Pristine(root, path.read_bytes(), everything(store), blobs)


def everything(store: Store) -> dict[str, Any]:
    """All events as they read back: in order, and along each index that a fold may use."""
    rows = [tuple(row) for row in store.log.rows()]
    found: dict[str, Any] = {"rows": rows}
    for stream in sorted({row[2] for row in rows}):
        found[f"stream {stream}"] = [record.seq for record in store.log.read(stream=stream)]
    for type in sorted({row[4] for row in rows}):
        found[f"type {type}"] = [record.seq for record in store.log.read(types=(type,))]
    for task in sorted({row[9] for row in rows if row[9]}):
        found[f"correlation {task}"] = [record.seq for record in store.log.read(correlation=task)]
    for row in rows:
        record = store.log.by_key(row[8]) if row[8] else None
        found[f"key {row[0]}"] = record.seq if record is not None else None
        by_id = store.log.by_id(row[1])
        found[f"id {row[0]}"] = by_id.seq if by_id is not None else None
    return found


# -- damages


def flip_in_pages(one: Try, pristine: Pristine) -> None:
    """Bits anywhere in the database file: records, indexes, schema, free space, headers."""
    data = bytearray(pristine.database)
    places = [one.rng.randrange(len(data)) for _ in range(one.rng.choice((1, 1, 1, 2, 8)))]
    for place in places:
        data[place] ^= 1 << one.rng.randrange(8)
    one.database.write_bytes(data)
    one.did = f"bits flipped at {places}"


def lose_a_page(one: Try, pristine: Pristine) -> None:
    """A page of zeros, of noise, or with another page's content: what a failing disk leaves."""
    data = bytearray(pristine.database)
    pages = len(data) // PAGE
    place, other = one.rng.randrange(pages), one.rng.randrange(pages)
    kind = one.rng.choice(("zeros", "noise", f"page {other}", "half"))
    content = {"zeros": bytes(PAGE), "noise": one.rng.randbytes(PAGE)}.get(kind, bytes(data[other * PAGE :][:PAGE]))
    if kind == "half":
        content = bytes(data[place * PAGE :][: PAGE // 2]) + bytes(PAGE // 2)
    data[place * PAGE : (place + 1) * PAGE] = content
    one.database.write_bytes(data)
    one.did = f"page {place} became {kind}"


def cut_the_file(one: Try, pristine: Pristine) -> None:
    at = one.rng.randrange(len(pristine.database))
    one.database.write_bytes(pristine.database[:at])
    one.did = f"the file was cut at {at}"


def flip_in_a_column(one: Try, pristine: Pristine) -> None:
    seq, column = one.rng.randrange(1, len(pristine.events["rows"]) + 1), one.rng.choice(COLUMNS)
    connection = one.connect()
    (value,) = next(iter(connection.execute(f"SELECT {column} FROM events WHERE seq = {seq}")))
    one.did = f"{column} of event {seq} changed"
    connection.execute(f"UPDATE OR IGNORE events SET {column} = ? WHERE seq = ?", (_flipped(value, one.rng), seq))
    _restored_triggers(connection)


def _flipped(value: Any, rng: random.Random) -> Any:
    if value is None:
        return "x"
    if isinstance(value, int):
        return value ^ (1 << rng.randrange(40))
    raw = bytearray(value.encode() if isinstance(value, str) else value)
    raw[rng.randrange(len(raw))] ^= 1 << rng.randrange(7)
    return raw.decode("utf-8", "replace") if isinstance(value, str) else bytes(raw)


def drop_records(one: Try, pristine: Pristine) -> None:
    last = len(pristine.events["rows"])
    seq, many = one.rng.randrange(1, last + 1), one.rng.choice((1, 1, 3))
    closes_up = one.rng.random() < 0.5
    connection = one.connect()
    connection.execute(f"DELETE FROM events WHERE seq >= {seq} AND seq < {seq + many}")
    if closes_up:
        connection.execute(f"UPDATE events SET seq = seq - {many} WHERE seq > {seq}")
    one.did = f"{many} from event {seq} dropped, {'closed up' if closes_up else 'a gap left'}"
    _restored_triggers(connection)


def repeat_a_record(one: Try, pristine: Pristine) -> None:
    """At the end, or in the middle with all that follows moved up; under a fresh id and key, or none would fit."""
    last = len(pristine.events["rows"])
    seq, to = one.rng.randrange(1, last + 1), one.rng.choice((last + 1, one.rng.randrange(1, last + 1)))
    connection = one.connect()
    for high in range(last, to - 1, -1):
        connection.execute(f"UPDATE events SET seq = {high + 1} WHERE seq = {high}")
    source = seq + 1 if seq >= to else seq
    connection.execute(
        f"INSERT INTO events SELECT {to}, id || 'x', stream, version, type, at, actor, subject, NULL, correlation, "
        f"causation, data, hash FROM events WHERE seq = {source}"
    )
    one.did = f"event {seq} repeated as {to}"
    _restored_triggers(connection)


def swap_records(one: Try, pristine: Pristine) -> None:
    """Whole records change places, or only their payloads do."""
    a, b = one.rng.sample(range(1, len(pristine.events["rows"]) + 1), 2)
    connection = one.connect()
    if one.rng.random() < 0.5:
        for old, new in ((a, 1_000_000), (b, a), (1_000_000, b)):
            connection.execute(f"UPDATE events SET seq = {new} WHERE seq = {old}")
        one.did = f"events {a} and {b} swapped"
    else:
        rows = {seq: next(iter(connection.execute(f"SELECT data FROM events WHERE seq = {seq}")))[0] for seq in (a, b)}
        connection.execute("UPDATE events SET data = ? WHERE seq = ?", (rows[b], a))
        connection.execute("UPDATE events SET data = ? WHERE seq = ?", (rows[a], b))
        one.did = f"payloads of events {a} and {b} swapped"
    _restored_triggers(connection)


def cut_the_tail(one: Try, pristine: Pristine) -> None:
    seq = one.rng.randrange(1, len(pristine.events["rows"]) + 1)
    connection = one.connect()
    connection.execute(f"DELETE FROM events WHERE seq >= {seq}")
    one.did = f"cut from event {seq}"
    _restored_triggers(connection)


def _restored_triggers(connection: apsw.Connection) -> None:
    """So that only the records are what they were not: a careful hand leaves no other trace."""
    from importlib.resources import files

    connection.execute(files("agentos.events").joinpath("schema.sql").read_text())
    connection.close()


def change_a_blob(one: Try, pristine: Pristine) -> None:
    path = one.rng.choice(one.blobs)
    data = bytearray(path.read_bytes())
    data[one.rng.randrange(len(data))] ^= 1 << one.rng.randrange(8)
    path.write_bytes(data)
    one.did = f"a bit of blob {path.name[:12]} flipped"


def cut_a_blob(one: Try, pristine: Pristine) -> None:
    path = one.rng.choice(one.blobs)
    data = path.read_bytes()
    path.write_bytes(data[: one.rng.randrange(len(data))])
    one.did = f"blob {path.name[:12]} cut"


def lose_a_blob(one: Try, pristine: Pristine) -> None:
    path = one.rng.choice(one.blobs)
    path.unlink()
    one.did = f"blob {path.name[:12]} deleted"


def swap_blobs(one: Try, pristine: Pristine) -> None:
    a, b = one.rng.sample(one.blobs, 2)
    first = a.read_bytes()
    a.write_bytes(b.read_bytes())
    b.write_bytes(first)
    one.did = f"blobs {a.name[:12]} and {b.name[:12]} swapped"


DAMAGES: dict[Callable[[Try, Pristine], None], int] = {
    flip_in_pages: 8, lose_a_page: 2, cut_the_file: 1, flip_in_a_column: 6, drop_records: 2, repeat_a_record: 2,
    swap_records: 2, cut_the_tail: 2, change_a_blob: 2, cut_a_blob: 1, lose_a_blob: 2, swap_blobs: 1,
}  # fmt: skip
"""Kind -> how often, in proportion."""


# -- judging


def attempt(pristine: Pristine, folder: Path, seed: str) -> tuple[str, str, Fate]:
    """Damage one copy and judge it; returns the kind, what was done, and its fate."""
    rng = random.Random(seed)
    one = Try(folder, rng)
    damage = rng.choices(list(DAMAGES), weights=list(DAMAGES.values()))[0]
    try:
        _copy(pristine, folder)
        damage(one, pristine)
        return damage.__name__, one.did, judge(pristine, folder)
    finally:
        shutil.rmtree(folder)


def _copy(pristine: Pristine, folder: Path) -> None:
    (folder / "state").mkdir(parents=True)
    (folder / "state" / "events.db").write_bytes(pristine.database)
    (folder / "state" / "keys").symlink_to(pristine.root / "state" / "keys")
    (folder / "books").symlink_to(pristine.root / "books")
    for name, data in pristine.blobs.items():
        path = folder / "state" / "blobs" / name[:2] / name[2:]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def judge(pristine: Pristine, root: Path) -> Fate:
    try:
        store = open_store(root)
    except AgentOSError:
        return "found"
    if not verify(store.log, store.blobs, witness_of(root).notes()).ok:
        return "found"
    blobs = {name: store.blobs.path(name).read_bytes() for name in store.blobs.names()}
    same = everything(store) == pristine.events and blobs == pristine.blobs
    return "harmless" if same else "missed"


def run(pristine: Pristine, folder: Path, tries: int, seed: int, *, say: Callable[[str], object] = print) -> Tally:
    tally = Tally()
    for n in range(tries):
        kind, did, fate = attempt(pristine, folder / f"try{n}", f"{seed}/{n}")
        tally.fates[fate] += 1
        tally.kinds[kind, fate] += 1
        if fate == "missed":
            tally.missed.append(f"try {seed}/{n}: {did}")
            say(tally.missed[-1])
        if (n + 1) % 1000 == 0:
            say(f"{n + 1} of {tries}")
    return tally


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description="Damage a log and ask whether it is found.")
    parser.add_argument("--tries", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        tally = run(make(Path(folder) / "w"), Path(folder) / "tries", given.tries, given.seed)
    for (kind, fate), count in sorted(tally.kinds.items()):
        print(f"{kind:<18} {fate:<9} {count}")
    fates = tally.fates
    print(f"tries {given.tries}, found {fates['found']}, harmless {fates['harmless']}, missed {fates['missed']}")
    return 1 if fates["missed"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
