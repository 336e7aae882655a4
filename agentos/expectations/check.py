"""Holding a view against its suite: a plain function, which Dagster's checks, the desk and tests call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from agentos.expectations.beside import Beside
from agentos.expectations.position import COUNTED, FRESH_WITHIN, Position
from agentos.expectations.verdict import Finding, Verdict

if TYPE_CHECKING:
    import polars as pl

    from agentos.expectations.great import Expectation

EVENTS, LAST = "_events", "_last_event"
LOST, WAITING, APART = "lost", "waiting", "apart"


def check_view(
    name: str, frame: pl.DataFrame, besides: Beside | None = None, position: Position | None = None
) -> Verdict:
    """Without `position` nothing is said of the log. Raises KeyError for a view without a suite."""
    shape = _shape(name)
    findings = [] if _has_its_columns(name, frame) else _judge(name, frame.clear(), None, shape)
    expectations = [*shape, *_of_rows(name, besides, position)]
    if not findings:  # where a column lacks, nothing more can be said
        findings += _judge(name, _derived(name, frame, besides or Beside()), frame, expectations[len(shape) :])
    if position is not None:
        expectations += _of_the_log(position)
        findings += _position(name, frame.height, position)
    says = tuple(str(one.description) for one in expectations)
    found = tuple(sorted(findings, key=lambda one: one.severity))
    return Verdict(name, frame.height, says, found, position.seq if position else None)


def expected(name: str) -> list[str]:
    """What is expected of a view, in sentences."""
    position = Position(0, True, 0.0, 0 if name in COUNTED else None)
    expectations = [*_shape(name), *_of_rows(name, None, None), *_of_the_log(position)]
    return [str(one.description) for one in expectations]


# -- what is expected of every view


def _shape(name: str) -> list[Expectation]:
    from agentos.expectations.great import columns_are
    from agentos.views.catalogue import VIEWS

    return [columns_are(tuple(VIEWS[name].columns))]


def _has_its_columns(name: str, frame: pl.DataFrame) -> bool:
    """What `_shape` says, without the time that Great Expectations takes: nearly always it holds."""
    from agentos.views.catalogue import VIEWS

    return set(frame.columns) == set(VIEWS[name].columns)


def _of_rows(name: str, besides: Beside | None, position: Position | None) -> list[Expectation]:
    from agentos.expectations.great import between, rows_are, unique
    from agentos.expectations.suites import SUITES
    from agentos.views.catalogue import VIEWS

    suite, last = SUITES[name], position.seq if position else None
    found = [unique(*VIEWS[name].key), between(LAST, 1, last, "no row comes from an event that the view has not read")]
    if not suite.rootless:
        found.append(between(EVENTS, 1, None, "each row names the events it comes from"))
    if suite.rows is not None:
        count = suite.rows(besides) if besides is not None else 0
        found.append(rows_are(count, f"it has a row for each that {' and '.join(suite.needs)} tell of"))
    return [*found, *suite.expectations]


def _of_the_log(position: Position) -> list[Expectation]:
    from agentos.expectations.great import between, never, zero

    fresh = f"no event waits longer than {FRESH_WITHIN // 60} minutes to be read"
    expectations = [
        never(LOST, "what it has read is the beginning of the log as it stands, with the keys there are"),
        between(WAITING, 0, FRESH_WITHIN, fresh, severity="warning"),
    ]
    if position.rows_in_log is not None:
        expectations.append(zero(APART, "it has as many rows as the log has things"))
    return expectations


# -- holding it


def _derived(name: str, frame: pl.DataFrame, besides: Beside) -> pl.DataFrame:
    """Without lists: pandas could not compare them, and `seqs` is said by two numbers."""
    import polars as pl

    from agentos.expectations.suites import SUITES

    derive = SUITES[name].derive
    wide = derive(frame, besides) if derive else frame
    seqs = pl.col("seqs").list
    wide = wide.with_columns(seqs.len().fill_null(0).alias(EVENTS), seqs.max().alias(LAST))
    return wide.drop(column for column, dtype in wide.schema.items() if dtype.is_nested())


def _position(name: str, rows: int, position: Position) -> list[Finding]:
    import polars as pl

    apart = rows - (position.rows_in_log if position.rows_in_log is not None else rows)
    row = pl.DataFrame([{LOST: not position.holds, WAITING: position.waiting_seconds, APART: apart}])
    why = {
        LOST: "it was made from another log, or before a client was forgotten",
        WAITING: f"the oldest waits for {position.waiting_seconds:.0f} s",
        APART: f"{apart:+} rows",
    }
    found = _judge(name, row, None, _of_the_log(position))
    return [replace(one, rows=None, of=None, why=why[one.columns[0]]) for one in found]


def _judge(name: str, frame: pl.DataFrame, rows: pl.DataFrame | None, what: Sequence[Expectation]) -> list[Finding]:
    from agentos.expectations.judging import judge

    return judge(name, frame, rows, what)
