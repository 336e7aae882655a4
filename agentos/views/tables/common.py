"""What several views share: costs of models, and events of several rows together."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from agentos.views.fold import Rule, different, total
from agentos.views.typed import MONEY
from agentos.views.view import Moment


def hidden() -> dict[str, Rule]:
    """What models cost, and in which currencies."""
    return {"_tokens": total("tokens"), "_cost": total("cost"), "_currencies": different("currency", "model.settled")}


def cost_of() -> dict[str, pl.Expr]:
    """Amounts in different currencies don't add up: then there is none. Nothing settled is a cost of 0."""
    currencies = pl.col("_currencies").list
    known = pl.when(currencies.len() == 1).then(pl.col("_cost"))
    return {
        "tokens": pl.col("_tokens").fill_null(0),
        "cost": pl.when(currencies.len().fill_null(0) == 0).then(pl.lit(0, MONEY)).otherwise(known),
        "cost_currency": pl.when(currencies.len() == 1).then(currencies.first()),
    }


def all_seqs(column: str = "seqs") -> pl.Expr:
    """Of the rows of a group, sorted and each once."""
    return pl.col(column).explode(empty_as_null=False, keep_nulls=False).unique().sort().alias("seqs")


def sorted_by(frame: pl.DataFrame, key: Iterable[str]) -> pl.DataFrame:
    return frame.sort(list(key), nulls_last=True)


def local_day(column: str, moment: Moment) -> pl.Expr:
    """The day of a time, where the business is."""
    zone = str(moment.zone)
    return pl.col(column).dt.convert_time_zone(zone).dt.date()
