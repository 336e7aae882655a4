"""Rows of a table in a recorded value: each is sealed with the key of the client it is about, so that an answer over
several clients stands in one event, and what it says of one is gone once that client is forgotten."""

from __future__ import annotations

from base64 import b64decode, b64encode
from typing import Any

import orjson

from agentos.errors import Refused
from agentos.secrets.sealing import Sealer

ROWS, CLIENT = "rows", "client"
FOR, SEALED, FORGOTTEN = "$for", "$sealed", "$forgotten"
_CONTEXT = "row"


def sealed_rows(value: Any, sealer: Sealer, subject: str | None) -> Any:
    """`value` as it may be recorded under `subject`'s key (None: in the open): its rows about others are sealed."""
    if not _has_rows(value):
        return value
    return value | {ROWS: [_sealed(row, sealer, subject) for row in value[ROWS]]}


def opened_rows(value: Any, sealer: Sealer) -> Any:
    """The reverse. The row of a forgotten client names the client and nothing else."""
    if not _has_rows(value):
        return value
    return value | {ROWS: [_opened(row, sealer) for row in value[ROWS]]}


def clients_of(value: Any) -> set[str]:
    """Whose data its rows are."""
    rows = value[ROWS] if _has_rows(value) else []
    return {row[CLIENT] for row in rows if isinstance(row, dict) and isinstance(row.get(CLIENT), str)}


def _has_rows(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get(ROWS), list)


def _sealed(row: Any, sealer: Sealer, subject: str | None) -> Any:
    client = row.get(CLIENT) if isinstance(row, dict) else None
    if not isinstance(client, str) or client == subject:
        return row
    if row.get(FORGOTTEN):
        return {FOR: client, FORGOTTEN: True}
    plain = orjson.dumps(row, option=orjson.OPT_SORT_KEYS)
    try:
        return {FOR: client, SEALED: b64encode(sealer.seal(client, _CONTEXT, plain)).decode()}
    except Refused:  # forgotten since the row was read
        return {FOR: client, FORGOTTEN: True}


def _opened(row: Any, sealer: Sealer) -> Any:
    if not isinstance(row, dict) or FOR not in row:
        return row
    plain = sealer.open(row[FOR], _CONTEXT, b64decode(row[SEALED])) if SEALED in row else None
    return {CLIENT: row[FOR], FORGOTTEN: True} if plain is None else orjson.loads(plain)
