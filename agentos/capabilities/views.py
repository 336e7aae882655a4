"""Asking the published views: brought up to date first, so that an answer knows what happened a moment ago."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from agentos.views.query import Query, faults, kind_of

if TYPE_CHECKING:
    from agentos.platform import Store

Json = dict[str, Any]
SEEN_AGAIN = 3
"""Times that a view is read again because it was published anew while it was read."""


def catalogue() -> list[Json]:
    """[{name, description, columns: ["open (amount): what is still to be paid", ...]}], in the catalogue's order."""
    from agentos.views.catalogue import VIEWS

    return [
        {
            "name": view.name,
            "description": view.description,
            "columns": [f"{n} ({kind_of(c.dtype)}): {c.description}" for n, c in view.columns.items() if n != "seqs"],
        }
        for view in VIEWS.values()
    ]


def ask(store: Store, query: Json, *, client: str | None, now: datetime) -> Json:
    """{refused, view, key, rows, total, as_of}. `refused` says what is wrong with the query; then nothing was read.

    client: whose task asks. It sees that client's rows and those about nobody.
    """
    from agentos.views.catalogue import VIEWS

    nothing: Json = {"refused": [], "view": query.get("view"), "key": [], "rows": [], "total": 0, "as_of": {}}
    try:
        wanted = Query.model_validate(query)
    except ValidationError as error:
        return nothing | {"refused": [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]}
    if wrong := faults(wanted, VIEWS):
        return nothing | {"refused": wrong}
    return nothing | _answered(store, wanted, client, now)


def _answered(store: Store, query: Query, client: str | None, now: datetime) -> Json:
    import polars as pl

    from agentos.views.answering import answer
    from agentos.views.catalogue import VIEWS

    view = VIEWS[query.view]
    frame, as_of = _fresh(store, query.view, now)
    if client is not None and "client" in frame.columns:
        frame = frame.filter(pl.col("client").is_null() | (pl.col("client") == client))
    rows, total = answer(frame, query, view)
    key = list(query.group) if query.figures else list(view.key)
    return {"key": key, "rows": [_whose(row, query) for row in rows], "total": total, "as_of": as_of}


def _fresh(store: Store, name: str, now: datetime) -> tuple[Any, Json]:
    """The view's frame, and the event up to which exactly this frame was made."""
    from agentos.views.read import path_of, read_view, view_at
    from agentos.views.refresh import refresh

    refresh(store, [name], now=now)
    path = path_of(store.root, name)
    for _ in range(SEEN_AGAIN):
        before, frame = view_at(path), read_view(store.root, name)
        if before == view_at(path):
            break
    return frame, {"epoch": before.epoch, "seq": before.seq, "hash": before.hash} if before else {}


def _whose(row: Json, query: Query) -> Json:
    """A figure about one client is that client's, though its row does not say so: it is sealed as such."""
    one = next((f.value for f in query.where if f.column == "client" and f.op == "eq"), None)
    return row if one is None or "client" in row else {"client": one, **row}
