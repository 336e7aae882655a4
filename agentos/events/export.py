"""Exports that need nothing of ours to be read: JSON lines, or one Parquet file a day. Polars is imported when asked
for."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import IO, TYPE_CHECKING, Literal

import orjson

from agentos.errors import Refused

if TYPE_CHECKING:
    from agentos.events.record import Record
    from agentos.events.sqlite import SQLiteLog

CHUNK = 50_000


def export(
    log: SQLiteLog, target: Path, *, format: Literal["jsonl", "parquet"] = "jsonl", force: bool = False
) -> list[Path]:
    """Write the log below `target` and return the files. Payloads are opened where their key still exists.

    jsonl: one file, `events.jsonl`. parquet: `day=YYYY-MM-DD.parquet` (UTC days) with the envelope as columns and the
    payload as JSON text. Written aside and renamed, so that an export killed half-way leaves no half file;
    readable by their owner only. Raises Refused where an export is there already, unless `force`.
    """
    there = [path for path in (target / "events.jsonl", *sorted(target.glob("day=*.parquet"))) if path.exists()]
    if there and not force:
        raise Refused(
            f"{there[0]} is there already.", hint="Name another folder, or add --force.", code="export.exists"
        )
    target.mkdir(parents=True, exist_ok=True, mode=0o700)
    if format == "jsonl":
        return [_lines(log.read(), target / "events.jsonl")]
    days = groupby(log.read(), key=lambda record: record.at.date())
    return [_day(list(records), target / f"day={day.isoformat()}.parquet") for day, records in days]


def _lines(records: Iterator[Record], path: Path) -> Path:
    aside = path.with_suffix(".part")
    with _private(aside) as file:
        for record in records:
            file.write(orjson.dumps(record.as_json()) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)
    return path


def _private(path: Path) -> IO[bytes]:
    """A new file that only its owner can read, from its first byte on."""
    path.unlink(missing_ok=True)
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


def _day(records: list[Record], path: Path) -> Path:
    import polars as pl

    rows = [record.as_json() | {"at": record.at, "data": orjson.dumps(record.data).decode()} for record in records]
    schema: dict[str, pl.DataType | type[pl.DataType]] = {
        "seq": pl.Int64, "id": pl.String, "stream": pl.String, "version": pl.Int32, "type": pl.String,
        "at": pl.Datetime("us", "UTC"), "actor": pl.String, "subject": pl.String, "key": pl.String,
        "correlation": pl.String, "causation": pl.String, "data": pl.String, "hash": pl.String,
    }  # fmt: skip
    aside = path.with_suffix(".part")
    with _private(aside) as file:
        pl.DataFrame(rows, schema=schema).write_parquet(file)
    aside.replace(path)
    return path
