"""Exports that need nothing of ours to be read: JSON lines, or one Parquet file a day. Polars is imported when asked
for."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import IO, TYPE_CHECKING, Literal

import orjson

from agentos.errors import Refused

if TYPE_CHECKING:
    from agentos.events.blobs import Blobs
    from agentos.events.record import Record
    from agentos.events.sqlite import SQLiteLog

CHUNK = 50_000
_DIGEST = re.compile(r"\b[0-9a-f]{64}\b")


def export(
    log: SQLiteLog,
    target: Path,
    *,
    format: Literal["jsonl", "parquet"] = "jsonl",
    blobs: Blobs | None = None,
    force: bool = False,
) -> list[Path]:
    """Write the log below `target` and return the files. Payloads are opened where their key still exists.

    `blobs`: also write what events name by digest (drafts, sources, large results) as `blobs/DIGEST`, opened likewise;
    one whose client was forgotten, or that is lost, is left out.

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
    files = list(_blobs(log, blobs, target / "blobs")) if blobs is not None else []
    if format == "jsonl":
        return [_lines(log.read(), target / "events.jsonl"), *files]
    days = groupby(log.read(), key=lambda record: record.at.date())
    return [*(_day(list(records), target / f"day={day.isoformat()}.parquet") for day, records in days), *files]


def _blobs(log: SQLiteLog, blobs: Blobs, folder: Path) -> Iterator[Path]:
    """Every blob that an event names, once. A file that stands there is whole: it was renamed into place."""
    stored, seen = set(blobs.names()), set[str]()
    for record in log.read():
        for name in (n for n in _DIGEST.findall(orjson.dumps(record.data).decode()) if n in stored and n not in seen):
            content = blobs.get(name, record.subject) if blobs.intact(name) else None
            if content is None:
                continue
            seen.add(name)
            folder.mkdir(exist_ok=True, mode=0o700)
            aside = folder / f".{name}.part"
            with _private(aside) as file:
                file.write(content)
            aside.replace(folder / name)
            yield folder / name


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
