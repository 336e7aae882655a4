"""What a view is: its columns, what it is made from, and how."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import polars as pl

    from agentos.views.fold import Fold

HISTORY = "history"


@dataclass(frozen=True)
class Column:
    dtype: Any
    description: str


@dataclass(frozen=True)
class Moment:
    """When a view is made, and where the business is: what is overdue, and on which day something was, rests on it."""

    now: datetime
    zone: tzinfo = UTC

    @property
    def today(self) -> date:
        return self.now.astimezone(self.zone).date()


Make = Callable[["Mapping[str, pl.LazyFrame]", Moment], "pl.LazyFrame"]
"""A plan and no frame, so that Polars can be asked which columns it reads (`agentos.views.lineage`)."""


@dataclass(frozen=True)
class View:
    """`key` names the columns that no two rows share; `seqs`, which every view has, the events a row comes from.

    depends: "history", or the views it is made from. One of `fold` (first row: from events) and `make` (second row:
    from the frames of `depends`) is there. dated: what it says depends on the day, even where nothing happens.
    version: raise it when the same events come to say something else, and what was published is made again.
    """

    name: str
    title: str
    description: str
    group: str
    key: tuple[str, ...]
    columns: Mapping[str, Column]
    depends: tuple[str, ...] = (HISTORY,)
    fold: Fold | None = None
    make: Make | None = None
    dated: bool = False
    version: int = 1
