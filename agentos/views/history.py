"""History as typed rows: a Parquet file for each day that is over, the log itself for the rest.

A day's file is one Parquet: a row an event, in the order of seq. Of every event it holds the envelope, and what is open
in the log fills its columns. What is sealed for a client lies, sealed with that client's key, in `block` on the
client's last row of the day. Without the key those events read as envelopes.
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

import orjson
import polars as pl

from agentos.errors import AgentOSError
from agentos.events.record import Record
from agentos.ids import digest
from agentos.secrets.sealing import MARK
from agentos.views.files import only_writer, publish
from agentos.views.rows import Packed, Rows, conformed, of_types, together
from agentos.views.typed import FINGERPRINT, SCHEMA

if TYPE_CHECKING:
    from agentos.platform import Store

BATCH = 10_000
"""Events of the log that become one frame."""
CHUNK = 60_000
"""Events of sealed days that are read at once: what a rebuild holds in memory."""
_BLOCK: Mapping[str, Any] = {"block": pl.Binary}


@dataclass(frozen=True)
class SealedDay:
    """`types`: how many events of each. `without`: clients whose key was absent when it was sealed."""

    day: date
    path: Path
    rows: int
    first_seq: int
    last_seq: int
    first_hash: str
    last_hash: str
    digest: str
    types: Mapping[str, int]
    without: tuple[str, ...] = ()


Span = tuple[date, int, int]
"""A day and the seqs of its first and last event."""


class Batch(Protocol):
    """Events that are read at once; of them a reader takes the columns and types that it needs, one after the other."""

    def rows(self, columns: Collection[str], types: Collection[str] | None = None) -> pl.DataFrame:
        """In the order of seq, with those of `columns` that are not empty. `columns` holds "seq"."""
        ...


@dataclass(frozen=True)
class _Logged:
    """Of the log. `frames`: one for each type."""

    frames: Mapping[str, pl.DataFrame]

    def rows(self, columns: Collection[str], types: Collection[str] | None = None) -> pl.DataFrame:
        return together(self.frames, columns, types)


@dataclass(frozen=True)
class _Days:
    """Of sealed days, what stands after `after`. `types`: those of their events."""

    files: list[bytes]
    sealed: Packed
    after: int
    types: set[str]

    def rows(self, columns: Collection[str], types: Collection[str] | None = None) -> pl.DataFrame:
        names = [name for name in SCHEMA if name in columns]
        if types is not None and self.types.isdisjoint(types):
            return pl.DataFrame(schema={name: SCHEMA[name] for name in names})
        rows = _scan(self.files, [*names, *({"type"} - set(names))]).filter(of_types(types)).select(names).collect()
        return self.sealed.fill(rows, types).filter(pl.col("seq") > self.after)


def folder_of(store: Store) -> Path:
    return store.root / "state" / "history"


def sealable(store: Store, *, now: datetime | None = None) -> list[date]:
    """Days that are over and not sealed as they stand, oldest first."""
    good = {one.day: one for one in standing(store) if _is_intact(one)}
    return [day for day, first, last in _over(store, now) if not _covers(good.get(day), first, last)]


def sealed_days(store: Store) -> list[SealedDay]:
    """Those that hold what the log holds, oldest first."""
    return [one for one in standing(store) if _is_intact(one)]


def seal(store: Store, day: date, *, now: datetime | None = None) -> SealedDay:
    """Write the day's file, or leave the one that is right. Raises AgentOSError for a day that is not over, or that has
    no events.

    Killed before the file's rename nothing has changed; killed before the index's, the file counts for nothing and is
    written again.
    """
    folder = folder_of(store)
    with only_writer(folder):
        span = next((span for span in _over(store, now) if span[0] == day), None)
        if span is None:
            raise AgentOSError(
                f"{day} can't be sealed: it is not over, or nothing happened on it.",
                hint="Sealable days are over in UTC; today is read from the log.",
                code="history.not_over",
            )
        known = next((one for one in standing(store) if one.day == day), None)
        if known is not None and _covers(known, span[1], span[2]) and _is_intact(known):
            return known
        made, data = _sealed(store, span)
        publish(made.path, data)
        kept = [one for one in standing(store) if one.day != day]
        publish(folder / "days.json", _index([*kept, made]))
        return made


def check(store: Store, day: date) -> Literal["ok", "missing", "altered", "outdated"]:
    """Whether the day's file is what was sealed, and the log still what it was made from."""
    known = {one.day: one for one in _listed(folder_of(store))}.get(day)
    if known is None or not known.path.exists():
        return "missing"
    if not _is_intact(known):
        return "altered"
    if not _stands(store, known):
        return "outdated"
    more = next(iter(store.log.days(after=known.last_seq, floor=day)), None)
    return "outdated" if more is not None and more[0] == day else "ok"


def typed_rows(
    store: Store, columns: Sequence[str] | None = None, after: int = 0, upto: int | None = None, *, sealed: bool = True
) -> Iterator[pl.DataFrame]:
    """Typed rows of the events after `after`, in order: from sealed days, and from the log for what is not sealed.
    Their columns are just `columns`, among them always "seq". sealed=False reads the log alone."""
    wanted = ["seq", *(name for name in (SCHEMA if columns is None else columns) if name != "seq")]
    for batch in batches(store, wanted, after, upto, sealed=sealed):
        yield conformed(batch.rows(wanted), wanted)


def batches(
    store: Store, columns: Collection[str], after: int = 0, upto: int | None = None, *, sealed: bool = True
) -> Iterator[Batch]:
    """The same, as they are read. `columns`: all that any reader of a batch asks for."""
    end = store.log.head()[0] if upto is None else upto
    at = after
    for chunk in _chunks([one for one in standing(store) if after < one.last_seq <= end] if sealed else []):
        if at < chunk[0].first_seq - 1:
            yield from _from_log(store, columns, at, chunk[0].first_seq - 1)
            at = chunk[0].first_seq - 1
        files = [data for day in chunk if (data := _bytes(day)) is not None]
        if len(files) < len(chunk):  # a file that is not what was sealed: the log knows
            yield from _from_log(store, columns, at, chunk[-1].last_seq)
        else:
            types = set[str]().union(*(day.types for day in chunk))
            yield _Days(files, Packed(columns, _unsealed(store, chunk, files)), at, types)
        at = chunk[-1].last_seq
    yield from _from_log(store, columns, at, end)


# -- the log


def _from_log(store: Store, columns: Collection[str], after: int, upto: int) -> Iterator[Batch]:
    rows = Rows(_opener(store))
    for record in store.log.read(after=after) if after < upto else ():
        if record.seq > upto:
            break
        rows.add(record)
        if rows.count == BATCH:
            yield _Logged(rows.frames(columns))
            rows = Rows(_opener(store))
    if rows.count:
        yield _Logged(rows.frames(columns))


def _opener(store: Store) -> Any:
    def opened(name: str, subject: str | None) -> dict[str, Any] | None:
        try:
            plain = store.blobs.get(name, subject)
        except AgentOSError:  # lost or altered: `agentos log verify` says so
            return None
        found: dict[str, Any] | None = orjson.loads(plain) if plain is not None else None
        return found

    return opened


def _over(store: Store, now: datetime | None) -> list[Span]:
    """Every day that is over, by what stands after it or by the clock."""
    today = (now or datetime.now(UTC)).astimezone(UTC).date()
    spans = list(_spans(store))
    return [span for i, span in enumerate(spans) if i < len(spans) - 1 or span[0] < today]


def _spans(store: Store) -> Iterator[Span]:
    """Days of the log: those sealed one after the other from the beginning are known, the rest is looked up."""
    known: list[Span] = []
    for one in standing(store):
        if one.first_seq != (known[-1][2] if known else 0) + 1:
            break
        known.append((one.day, one.first_seq, one.last_seq))
    floor = known[-1][0] if known else date.min
    rest = list(store.log.days(after=known[-1][2] if known else 0, floor=floor))
    if known and rest and rest[0][0] == floor:  # what came late belongs to the last day
        known[-1] = (floor, known[-1][1], rest.pop(0)[2])
    yield from known
    yield from rest


# -- the index


def standing(store: Store) -> list[SealedDay]:
    """Days of the index whose events are still the log's, and that lack no client whose key is there."""
    return [one for one in _listed(folder_of(store)) if _stands(store, one)]


def _stands(store: Store, day: SealedDay) -> bool:
    """The chain of hashes covers all that stands before the last event."""
    last = next(store.log.read(after=day.last_seq - 1, limit=1), None)
    same = last is not None and (last.seq, last.hash.hex()) == (day.last_seq, day.last_hash)
    return same and not any(store.sealer.keys.get(client) for client in day.without)


def _listed(folder: Path) -> list[SealedDay]:
    try:
        raw = orjson.loads((folder / "days.json").read_bytes())
        if raw["format"] != FINGERPRINT:
            return []
        return [_day(folder, one) for one in raw["days"]]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def _day(folder: Path, one: dict[str, Any]) -> SealedDay:
    day = date.fromisoformat(one["day"])
    rest = {name: value for name, value in one.items() if name not in ("day", "without")}
    return SealedDay(day=day, path=_path(folder, day), without=tuple(one["without"]), **rest)


def _index(days: list[SealedDay]) -> bytes:
    listed = [
        {"day": one.day.isoformat(), "rows": one.rows, "first_seq": one.first_seq, "last_seq": one.last_seq,
         "first_hash": one.first_hash, "last_hash": one.last_hash, "digest": one.digest, "types": dict(one.types),
         "without": list(one.without)}
        for one in sorted(days, key=lambda one: one.first_seq)
    ]  # fmt: skip
    return orjson.dumps({"format": FINGERPRINT, "days": listed}, option=orjson.OPT_INDENT_2)


def _path(folder: Path, day: date) -> Path:
    return folder / f"{day.isoformat()}.parquet"


def _covers(day: SealedDay | None, first: int, last: int) -> bool:
    return day is not None and (day.first_seq, day.last_seq) == (first, last)


def _is_intact(day: SealedDay) -> bool:
    return _bytes(day) is not None


def _bytes(day: SealedDay) -> bytes | None:
    try:
        data = day.path.read_bytes()
    except OSError:
        return None
    return data if digest(data) == day.digest else None


# -- writing a day


def _sealed(store: Store, span: Span) -> tuple[SealedDay, bytes]:
    import zstandard

    day, first, last = span
    rows, blocks = Rows(_opener(store)), dict[str, Rows]()
    types, ends = Counter[str](), list[Record]()
    without, last_of = set[str](), dict[str, int]()
    for record in store.log.read(after=first - 1, limit=last - first + 1):
        types[record.type] += 1
        ends = [ends[0] if ends else record, record]
        client = record.subject if record.stored.startswith(MARK) else None
        rows.add(record, bare=client is not None)
        if client is not None and store.sealer.keys.get(client) is None:
            without.add(client)
        elif client is not None:
            blocks.setdefault(client, Rows(_opener(store))).add(record)
            last_of[client] = rows.count - 1
    block: list[bytes | None] = [None] * rows.count
    squeeze = zstandard.ZstdCompressor(level=3)
    for client, theirs in blocks.items():
        block[last_of[client]] = store.sealer.seal(client, _context(day), squeeze.compress(theirs.packed()))
    data = _parquet(together(rows.frames()).with_columns(pl.Series("block", block, pl.Binary)))
    made = SealedDay(
        day, _path(folder_of(store), day), rows.count, first, last, ends[0].hash.hex(), ends[1].hash.hex(),
        digest(data), dict(sorted(types.items())), tuple(sorted(without)),
    )  # fmt: skip
    return made, data


def _context(day: date) -> str:
    return f"history/{day.isoformat()}"


def _parquet(frame: pl.DataFrame) -> bytes:
    """Without the columns that are empty: each costs whoever opens the file, read or not."""
    out = io.BytesIO()
    frame[[column.name for column in frame if column.null_count() < frame.height]].write_parquet(out, statistics=False)
    return out.getvalue()


# -- reading days


def _chunks(days: list[SealedDay]) -> Iterator[list[SealedDay]]:
    """Days that follow one another, up to about CHUNK events at a time."""
    chunk: list[SealedDay] = []
    for day in days:
        if chunk and (day.first_seq != chunk[-1].last_seq + 1 or sum(one.rows for one in chunk) + day.rows > CHUNK):
            yield chunk
            chunk = []
        chunk.append(day)
    if chunk:
        yield chunk


def _unsealed(store: Store, days: list[SealedDay], files: list[bytes]) -> Iterator[bytes]:
    """What is sealed in these days; nothing of a client whose key is gone."""
    import zstandard

    expand = zstandard.ZstdDecompressor()
    sealed = _scan(files, ("seq", "client", "block")).filter(pl.col("block").is_not_null()).collect()
    at = iter(days)
    day = next(at)
    for seq, client, block in sealed.iter_rows():
        while seq > day.last_seq:
            day = next(at)
        plain = store.sealer.open(client, _context(day.day), block)
        if plain is not None:
            yield expand.decompress(plain)


def _scan(sources: list[bytes], columns: Sequence[str]) -> pl.LazyFrame:
    """Files of which each holds only the columns that are not empty in it."""
    schema = {name: {**SCHEMA, **_BLOCK}[name] for name in columns}
    return pl.scan_parquet(sources, schema=schema, missing_columns="insert", extra_columns="ignore", glob=False)
