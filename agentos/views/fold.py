"""The algebra of the first row: how events become a row, and how two rows of the same thing become one.

A column has a rule. From the rule follow both the fold (events to rows) and the merge (rows of earlier events and rows
of later ones), so that fold(a + b) == merge(fold(a), fold(b)) for every cut of a log.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import polars as pl

from agentos.views.typed import SCHEMA, SEQS, numbered

How = Literal["first", "last", "min", "max", "sum", "count", "set", "seqs"]


@dataclass(frozen=True)
class Rule:
    """`how` a column is made of the typed column `of`, in the order of seq. Nulls don't count; nothing at all is null.

    on: only events of these types; of all that the view reads, where it is empty. count: how many; set: the different
    values, sorted; seqs: their sequence numbers.
    """

    how: How
    of: str = "seq"
    on: tuple[str, ...] = ()

    def fold(self) -> pl.Expr:
        if self.how == "count":
            return (pl.col("type").is_in(self.on).sum() if self.on else pl.len()).cast(pl.UInt32)
        value = pl.col(self.of)
        if self.on:
            value = pl.when(pl.col("type").is_in(self.on)).then(value)
        if self.how in ("seqs", "set"):
            value = value.drop_nulls() if self.on or self.how == "set" else value
            return value.unique().sort() if self.how == "set" else value
        return _reduced(self.how, value)

    def merge(self, name: str) -> pl.Expr:
        value = pl.col(name)
        if self.how == "count":
            return value.sum()
        if self.how in ("seqs", "set"):
            value = value.explode(empty_as_null=False, keep_nulls=False)
            return value.unique().sort() if self.how == "set" else value
        return _reduced(self.how, value)

    def dtype(self) -> pl.DataType | type[pl.DataType]:
        if self.how == "count":
            return pl.UInt32
        dtype: pl.DataType | type[pl.DataType] = SCHEMA[self.of]
        if self.how == "seqs":
            return SEQS
        return pl.List(dtype) if self.how == "set" else dtype


def _reduced(how: How, value: pl.Expr) -> pl.Expr:
    if how == "sum":  # a sum of nothing is nothing known, not zero
        return pl.when(value.count() > 0).then(value.sum())
    if how == "first":
        return value.first(ignore_nulls=True)
    if how == "last":
        return value.last(ignore_nulls=True)
    return value.min() if how == "min" else value.max()


def first(of: str, *on: str) -> Rule:
    return Rule("first", of, on)


def last(of: str, *on: str) -> Rule:
    return Rule("last", of, on)


def least(of: str, *on: str) -> Rule:
    return Rule("min", of, on)


def most(of: str, *on: str) -> Rule:
    return Rule("max", of, on)


def total(of: str, *on: str) -> Rule:
    return Rule("sum", of, on)


def count(*on: str) -> Rule:
    return Rule("count", "seq", on)


def different(of: str, *on: str) -> Rule:
    return Rule("set", of, on)


def seqs(*on: str) -> Rule:
    return Rule("seqs", "seq", on)


@dataclass(frozen=True)
class Fold:
    """A view of the first row: one row for each value of `key` (typed columns; a row without them belongs to nothing).

    types: the events it reads. rules: its columns, among them "seqs"; one whose name begins with "_" is kept for the
    merge and not shown.
    derive: further columns, from the rows as they stand: as many rows in the same order.
    """

    key: tuple[str, ...]
    types: tuple[str, ...]
    rules: Mapping[str, Rule]
    derive: Callable[[pl.LazyFrame], pl.LazyFrame] | None = None

    @property
    def reads(self) -> set[str]:
        """Typed columns."""
        return {"seq", "type", *self.key, *(rule.of for rule in self.rules.values())}

    @property
    def kept(self) -> list[str]:
        return [*self.key, *self.rules]

    def empty(self) -> pl.DataFrame:
        rules = {name: rule.dtype() for name, rule in self.rules.items()}
        return pl.DataFrame(schema={**{name: SCHEMA[name] for name in self.key}, **rules})

    def fold(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Typed rows in the order of seq: one or no row for each key, in the order of its first event."""
        if not set(self.key) <= set(rows.columns):
            return self.empty()
        reads = [
            pl.col(name) if name in rows.columns else pl.lit(None, SCHEMA[name]).alias(name) for name in self.reads
        ]
        found = (
            rows.lazy()
            .select(reads)
            .with_columns(pl.col("type").cast(numbered(), strict=False))
            .filter(pl.col("type").is_in(self.types), *(pl.col(name).is_not_null() for name in self.key))
            .group_by(self.key, maintain_order=True)
            .agg(rule.fold().alias(name) for name, rule in self.rules.items())
        )
        kinds = [name for name, rule in self.rules.items() if rule.of == "type"]
        return found.select(self.kept).with_columns(pl.col(kinds).cast(pl.String)).collect()

    def merge(self, *parts: pl.DataFrame) -> pl.DataFrame:
        """Folds of events that follow one another, as one. A row that is in one part only is taken as it is."""
        some = [part for part in parts if part.height]
        del parts  # each is let go once its rows are in place
        if len(some) < 2:
            return some[0] if some else self.empty()
        keys = pl.concat([part.select(*self.key, part=pl.lit(n)) for n, part in enumerate(some)])
        several = keys.group_by(self.key).agg(pl.col("part").min(), times=pl.len()).filter(pl.col("times") > 1)
        if several.is_empty():
            return pl.concat(some)
        touched = pl.concat([part.join(several, on=self.key, how="semi", maintain_order="left") for part in some])
        merged = self._merged(touched).join(several.select(*self.key, "part"), on=self.key, maintain_order="left")
        first_event = pl.col("seqs").list.first()
        for n in range(len(some)):
            own = merged.filter(pl.col("part") == n).select(self.kept)
            rest = some[n].join(several, on=self.key, how="anti", maintain_order="left")
            some[n] = pl.concat([rest, own]).sort(first_event)
        return pl.concat(some)

    def _merged(self, rows: pl.DataFrame) -> pl.DataFrame:
        found = rows.lazy().group_by(self.key, maintain_order=True)
        return found.agg(rule.merge(name).alias(name) for name, rule in self.rules.items()).select(self.kept).collect()

    def shown(self, state: pl.DataFrame) -> pl.DataFrame:
        """With the derived columns. Those of the rules stay as they are, so that a merge can go on from them."""
        if self.derive is None:
            return state
        derived = self.derive(state.lazy()).collect()
        return state.hstack(derived.select(name for name in derived.columns if name not in state.columns))
