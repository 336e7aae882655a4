"""Bringing the published views up to date: what is new is folded and merged; what can't be gone on from is made anew.

One writer at a time. A view is published by one rename, its cursor inside it, so that a refresh may be killed anywhere:
the next one goes on from the views as they stand, each from its own cursor.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from agentos.events.epoch import epoch_of
from agentos.ids import digest
from agentos.views.catalogue import HISTORY, Moment, View, chosen
from agentos.views.cursor import Cursor, cursor_of, made_by
from agentos.views.files import only_writer, publish
from agentos.views.history import Batch, batches
from agentos.views.read import folder_of, path_of
from agentos.views.view import Make
from agentos.workspace.zone import zone_of

if TYPE_CHECKING:
    from agentos.platform import Store
    from agentos.views.fold import Fold


@dataclass(frozen=True)
class Published:
    """`new_rows`: how many more there are than before. `digest`: SHA-256 of what it says; the cursor doesn't count."""

    name: str
    path: Path
    rows: int
    new_rows: int
    seq: int
    digest: str


def refresh(
    store: Store, names: Iterable[str] | None = None, *, rebuild: bool = False, now: datetime | None = None,
    sealed: bool = True,
) -> dict[str, Published]:  # fmt: skip
    """Publish these views, and first what they are made from; all of them without `names`. Waits for another refresh.

    rebuild: from the first event, whatever is published. sealed=False reads the log alone.
    """
    views = chosen(names)
    with only_writer(folder_of(store.root)):
        run = _Refresh(store, Moment(now or datetime.now(UTC), zone_of(store.root)), sealed)
        run.fold([view for view in views if view.fold is not None], rebuild)
        for view in views:
            if view.make is not None:
                run.make(view, view.make, rebuild)
        return {view.name: run.published[view.name] for view in views}


@dataclass
class _State:
    """A view of the first row on its way: what it was, and the folds of what came since, packed so that those of all
    views take less room than a batch does."""

    view: View
    fold: Fold
    cursor: Cursor | None
    parts: list[bytes] = field(default_factory=list)

    @property
    def after(self) -> int:
        return self.cursor.seq if self.cursor else 0

    def add(self, batch: Batch) -> None:
        rows = batch.rows(self.fold.reads, self.fold.types)
        folded = self.fold.fold(rows.filter(pl.col("seq") > self.after) if self.after else rows)
        if folded.height:
            self.parts.append(_packed(folded))


@dataclass
class _Refresh:
    """All views are brought to the event that was the last one when it began."""

    store: Store
    moment: Moment
    sealed: bool
    published: dict[str, Published] = field(default_factory=dict)
    clients: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.root = self.store.root
        self.seq, hash = self.store.log.head()
        self.hash, self.epoch = hash.hex(), epoch_of(self.store.log)

    # -- first row

    def fold(self, views: list[View], rebuild: bool) -> None:
        states = [_State(view, view.fold, self._cursor(view, rebuild)) for view in views if view.fold]
        for state in states:
            self.clients |= set(state.cursor.clients) if state.cursor else set()
        behind = [state for state in states if state.cursor is None or state.after < self.seq]
        self._read(behind)
        for state in states:
            self._publish_fold(state)

    def _read(self, states: list[_State]) -> None:
        if not states:
            return
        columns = set({"seq", "type", "client"}.union(*(state.fold.reads for state in states)))
        after = min(state.after for state in states)
        with ThreadPoolExecutor(2) as pool:
            for batch in _ahead(batches(self.store, columns, after, self.seq, sealed=self.sealed)):
                self.clients |= set(batch.rows(("seq", "client"))["client"].unique().drop_nulls())
                for added in [pool.submit(state.add, batch) for state in states]:
                    added.result()

    def _publish_fold(self, state: _State) -> None:
        path = path_of(self.root, state.view.name)
        if state.cursor is not None and not state.parts and state.cursor.seq == self.seq:
            self._keep(state.view, state.cursor)
            return
        self._publish(state.view, self._merged(state, path))

    def _merged(self, state: _State, path: Path) -> pl.DataFrame:
        return state.fold.shown(state.fold.merge(*self._parts(state, path)))

    def _parts(self, state: _State, path: Path) -> Iterator[pl.DataFrame]:
        if state.cursor:
            yield pl.read_parquet(path, columns=state.fold.kept)
        while state.parts:
            yield pl.read_ipc(state.parts.pop(0))

    # -- second row

    def make(self, view: View, make: Make, rebuild: bool) -> None:
        cursor = self._cursor(view, rebuild)
        if cursor is not None and cursor.seq == self.seq:
            self._keep(view, cursor)
            return
        frames = {name: pl.scan_parquet(path_of(self.root, name)) for name in view.depends if name != HISTORY}
        self._publish(view, make(frames, self.moment).collect())

    # -- both

    def _cursor(self, view: View, rebuild: bool) -> Cursor | None:
        """From where to go on; None where it is to be made from the first event."""
        cursor = None if rebuild else cursor_of(path_of(self.root, view.name))
        if cursor is None or cursor.made_by != made_by(view) or cursor.seq > self.seq:
            return None
        if cursor.day != self._day(view) or not cursor.holds(self.store, self.epoch):
            return None
        return cursor

    def _day(self, view: View) -> str:
        return f"{self.moment.today.isoformat()} {self.moment.zone}" if view.dated else ""

    def _publish(self, view: View, frame: pl.DataFrame) -> None:
        path = path_of(self.root, view.name)
        before = cursor_of(path)
        keys = self.store.sealer.keys
        cursor = Cursor(
            view.name, made_by(view), self.epoch, self.seq, self.hash, frame.height,
            {client: keys.get(client) is not None for client in sorted(self.clients)}, self._day(view),
        )  # fmt: skip
        height = frame.height
        columns = [frame[name] for name in (*view.columns, *(name for name in frame.columns if name.startswith("_")))]
        del frame
        for n, column in enumerate(columns):  # one by one, so that no second copy of all of them is there at any time
            columns[n] = column.rechunk()
        out = io.BytesIO()
        pl.DataFrame(columns).write_parquet(out, compression_level=1, statistics=False, metadata=cursor.as_metadata())
        columns.clear()
        data = out.getvalue()
        publish(path, data)
        new = height - (before.rows if before else 0)
        self.published[view.name] = Published(view.name, path, height, max(new, 0), self.seq, _said(data))

    def _keep(self, view: View, cursor: Cursor) -> None:
        path = path_of(self.root, view.name)
        said = _said(path.read_bytes())
        self.published[view.name] = Published(view.name, path, cursor.rows, 0, cursor.seq, said)


def _ahead(batches: Iterator[Batch]) -> Iterator[Batch]:
    """Each is read while the one before is folded."""
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(next, batches, None)
        while (batch := coming.result()) is not None:
            coming = pool.submit(next, batches, None)
            yield batch


def _packed(frame: pl.DataFrame) -> bytes:
    out = io.BytesIO()
    frame.write_ipc(out, compression="lz4")
    return out.getvalue()


def _said(parquet: bytes) -> str:
    """Digest of a Parquet file without its footer, which ends with its own length and a mark of 4 bytes each, and holds
    the metadata."""
    return digest(parquet[: -8 - int.from_bytes(parquet[-8:-4], "little")])
