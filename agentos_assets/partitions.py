"""Days of history as Dagster's partitions: UTC, from the first day of the log to yesterday."""

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date

import dagster as dg

from agentos_assets.first_day import FALLBACK, VARIABLE

A_WEEK = 7
"""Days of one run of a backfill: as much as is lost when it is killed."""


def days() -> dg.DailyPartitionsDefinition:
    """Read when definitions are built, never at import."""
    try:
        first = date.fromisoformat(os.environ.get(VARIABLE, FALLBACK))
    except ValueError:
        first = date.fromisoformat(FALLBACK)
    return dg.DailyPartitionsDefinition(start_date=first.isoformat(), timezone="UTC")


@contextmanager
def in_chunks() -> Iterator[dg.BackfillPolicy]:
    """The policy of every asset of ours that is backfilled. Dagster calls its own parameter beta, and only that is
    passed over."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Parameter `backfill_policy`", dg.BetaWarning)
        yield dg.BackfillPolicy.multi_run(A_WEEK)
