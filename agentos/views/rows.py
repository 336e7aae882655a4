"""Typed rows as they are gathered from events, and as they are packed and brought together from many blocks."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

import orjson
import polars as pl

from agentos.events.record import Record
from agentos.views.typed import ASKED, ENVELOPE, READS, SCHEMA, Json

Opener = Callable[[str, str | None], Json | None]
"""A value that lies in a blob, by digest and client; None where it can't be read."""

_RAW: Mapping[str, Any] = dict.fromkeys(("at", "by", "retry_at", "expires_at"), pl.Int64)
"""Columns with times, which are handed over as microseconds since 1970."""
_NESTED: Mapping[str, Any] = {
    "parked": pl.List(pl.Struct({"kind": pl.String, "on": pl.String, "until": pl.Int64})),
    "reasons": pl.List(pl.String), "asked": ASKED,
}  # fmt: skip
"""Columns that are handed over as JSON text: Polars makes lists of structs of it a hundred times quicker than of lists
of dicts. The times in them are microseconds too."""
_TEXT = {*_NESTED, "reserved", "cost", "net", "vat", "gross", "on", "due"}
"""Columns that are handed over as text and read by Polars, all at once."""


class Rows:
    """Typed rows as they are gathered, by type of event; "" is for those that fill nothing.

    `open_blob` is asked for a ledger entry that was too large for its event.
    """

    def __init__(self, open_blob: Opener | None = None) -> None:
        self._open_blob = open_blob
        self._rows: dict[str, list[tuple[Any, ...]]] = {}
        self.count = 0

    def add(self, record: Record, *, bare: bool = False) -> None:
        """`bare`: the envelope only, without opening the payload."""
        task = record.stream[5:] if record.stream.startswith("task/") else record.correlation
        agent = record.actor[6:] if record.actor.startswith("agent:") else None
        row = (record.seq, record.at_micros, record.type, task, record.subject, agent)
        filled = None if bare or record.type not in READS or record.forgotten else self._filled(record)
        self._rows.setdefault(record.type if filled else "", []).append(row + (filled or ()))
        self.count += 1

    def frames(self, columns: Collection[str] = SCHEMA) -> dict[str, pl.DataFrame]:
        """One for each type, with those of `columns` that it fills."""
        return {type: _typed(_raw((*ENVELOPE, *_fields(type)), rows, columns)) for type, rows in self._rows.items()}

    def packed(self) -> bytes:
        """What the events fill, without their envelopes: for each type a row an event as CSV, which Polars reads
        quicker than any other format when the rows of many blocks come together."""
        texts = {
            type: _raw(("seq", *_fields(type)), [(row[0], *row[len(ENVELOPE) :]) for row in rows]).write_csv(
                include_header=False
            )
            for type, rows in self._rows.items()
            if type
        }
        return orjson.dumps(texts)

    def _filled(self, record: Record) -> tuple[Any, ...] | None:
        """None for a payload of another shape than this program knows: a newer one wrote it."""
        try:
            return READS[record.type][1](self._opened(record))
        except (KeyError, TypeError, AttributeError, ValueError):
            return None

    def _opened(self, record: Record) -> Json:
        data = record.data
        if record.type == "effect.started" and data["system"] == "ledger" and "$blob" in (data["payload"] or {}):
            opened = self._open_blob(data["payload"]["$blob"], record.subject) if self._open_blob else None
            return data | {"payload": opened or {}}
        return data


class Packed:
    """What was packed, brought together from many blocks: of each type, seq and those of `columns` that it fills."""

    def __init__(self, columns: Collection[str], blocks: Iterable[bytes]) -> None:
        texts: dict[str, list[str]] = {}
        for block in blocks:
            for type, text in orjson.loads(block).items():
                texts.setdefault(type, []).append(text)
        self._frames = {type: _read(type, some, columns) for type, some in texts.items()}

    def fill(self, rows: pl.DataFrame, types: Collection[str] | None = None) -> pl.DataFrame:
        """All rows of these types, in the order of seq, with what is known of them as well."""
        pieces = [frame for type, frame in self._frames.items() if types is None or type in types]
        places = [rows["seq"].search_sorted(piece["seq"]) for piece in pieces]
        alike: dict[tuple[int, ...], list[str]] = {}
        for name in rows.columns:
            having = tuple(n for n, piece in enumerate(pieces) if name in piece.columns and name not in ENVELOPE)
            alike.setdefault(having, []).append(name)
        alike.pop((), None)
        filled = [_filled(rows.select(names), [pieces[n] for n in having], [places[n] for n in having])
                  for having, names in alike.items()]  # fmt: skip
        return rows.with_columns(column for frame in filled for column in frame)


def _filled(columns: pl.DataFrame, pieces: list[pl.DataFrame], places: list[pl.Series]) -> pl.DataFrame:
    """With the values that the pieces have of these columns, at their places."""
    values = pl.concat([columns, *(piece.select(columns.columns) for piece in pieces)], rechunk=True)
    which = pl.int_range(values.height, dtype=pl.UInt32, eager=True)
    order = which.head(columns.height).scatter(pl.concat(places), which.slice(columns.height))
    return values[order]


def together(
    frames: Mapping[str, pl.DataFrame], columns: Collection[str] = SCHEMA, types: Collection[str] | None = None
) -> pl.DataFrame:
    """The rows of these types in the order of seq, with those of `columns` that are not empty."""
    read = {*columns, "type"}
    some = [frame for type, frame in frames.items() if not type or types is None or type in types]
    if not some:
        return pl.DataFrame(schema={name: dtype for name, dtype in ENVELOPE.items() if name in columns})
    rows = pl.concat([frame.select(name for name in frame.columns if name in read) for frame in some], how="diagonal")
    return rows.filter(of_types(types)).select(name for name in rows.columns if name in columns).sort("seq")


def of_types(types: Collection[str] | None) -> pl.Expr:
    return pl.lit(True) if types is None else pl.col("type").is_in(list(types))


def conformed(frame: pl.DataFrame, columns: Iterable[str]) -> pl.DataFrame:
    """Just these columns; one that the frame lacks is null throughout."""
    return frame.select(pl.col(n) if n in frame.columns else pl.lit(None, SCHEMA[n]).alias(n) for n in columns)


def _fields(type: str) -> tuple[str, ...]:
    return READS[type][0] if type else ()


def _schema(names: Iterable[str]) -> dict[str, Any]:
    """As columns are handed over."""
    return {name: pl.String if name in _TEXT else _RAW.get(name, SCHEMA[name]) for name in names}


def _raw(names: Sequence[str], rows: list[tuple[Any, ...]], columns: Collection[str] = SCHEMA) -> pl.DataFrame:
    cells = zip(_schema(names).items(), zip(*rows, strict=True), strict=True)
    return pl.DataFrame([pl.Series(name, values, dtype) for (name, dtype), values in cells if name in columns])


def _read(type: str, texts: list[str], columns: Collection[str]) -> pl.DataFrame:
    """The rows of `packed()`."""
    names = ("seq", *_fields(type))
    wanted = [n for n, name in enumerate(names) if name == "seq" or name in columns]
    data = "".join(texts).encode()
    return _typed(pl.read_csv(data, has_header=False, schema=_schema(names), columns=wanted)).rechunk()


def _typed(raw: pl.DataFrame) -> pl.DataFrame:
    return raw.with_columns(_cast(name) for name in raw.columns if name in _TEXT or name in _RAW)


def _cast(name: str) -> pl.Expr:
    value, dtype = pl.col(name), SCHEMA[name]
    if name in _NESTED:
        return value.str.json_decode(_NESTED[name]).cast(dtype)
    if dtype == pl.Date:
        return value.str.to_date("%Y-%m-%d", strict=False)
    return value.cast(dtype, strict=False)
