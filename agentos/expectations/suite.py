"""A suite: what must hold in one view, and the columns that are worked out to say it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import polars as pl

from agentos.expectations.beside import Beside
from agentos.expectations.great import Expectation

Derive = Callable[[pl.DataFrame, Beside], pl.DataFrame]


@dataclass(frozen=True)
class Suite:
    """derive: the view with further columns, in the same order of rows. needs: the views it is held against. rows: how
    many rows there must be, by these; what lacks altogether has no row that could be wrong. rootless: a row may come
    from no event."""

    view: str
    expectations: tuple[Expectation, ...]
    derive: Derive | None = None
    needs: tuple[str, ...] = ()
    rows: Callable[[Beside], int] | None = None
    rootless: bool = False


def suite(view: str, *expectations: Expectation | list[Expectation], **more: Any) -> Suite:
    """Lists among the expectations are taken apart."""
    flat = [one for part in expectations for one in (part if isinstance(part, list) else [part])]
    return Suite(view, tuple(flat), **more)
