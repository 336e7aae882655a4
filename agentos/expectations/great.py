"""Great Expectations behind a few words: the only module that imports it (seconds, and a good 200 MB).

Its context lives in memory: it reads no configuration of the home folder, writes no file and reaches no network. Its
import warns of modules that it uses itself, and is kept quiet.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from agentos.expectations.verdict import Severity

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import great_expectations as gx
    from great_expectations.data_context.types.base import (
        DataContextConfig,
        InMemoryStoreBackendDefaults,
        ProgressBarsConfig,
    )
    from great_expectations.expectations.core import (
        ExpectColumnPairValuesAToBeGreaterThanB,
        ExpectColumnValuesToBeBetween,
        ExpectColumnValuesToBeInSet,
        ExpectColumnValuesToBeUnique,
        ExpectColumnValuesToNotBeNull,
        ExpectCompoundColumnsToBeUnique,
        ExpectTableColumnsToMatchSet,
        ExpectTableRowCountToEqual,
    )
    from great_expectations.expectations.expectation import Expectation
    from great_expectations.expectations.metadata_types import FailureSeverity
    from great_expectations.expectations.row_conditions import Column
    from great_expectations.expectations.row_conditions import ComparisonCondition as Where

if TYPE_CHECKING:
    import polars as pl
    from great_expectations.core import ExpectationSuiteValidationResult

__all__ = ["Expectation", "Where"]

SHOWN = 5
"""Rows that a finding names."""


def validate(name: str, frame: pl.DataFrame, expectations: Sequence[Expectation]) -> ExpectationSuiteValidationResult:
    """Each call has a context of its own: a context keeps every frame that it has seen."""
    context = gx.get_context(mode="ephemeral", project_config=_in_memory())
    asset = context.data_sources.add_pandas("views").add_dataframe_asset(name)
    pandas = frame.to_pandas(use_pyarrow_extension_array=True)  # decimals stay exact
    batch = asset.add_batch_definition_whole_dataframe("all").get_batch({"dataframe": pandas})
    suite = gx.ExpectationSuite(name=name, expectations=list(expectations))
    return batch.validate(suite, result_format={"result_format": "SUMMARY", "partial_unexpected_count": SHOWN})


def _in_memory() -> DataContextConfig:
    """Without pages about results, for which it would make a folder, and without counting for its makers."""
    return DataContextConfig(
        store_backend_defaults=InMemoryStoreBackendDefaults(init_temp_docs_sites=False),
        progress_bars=ProgressBarsConfig(globally=False, metric_calculations=False),
        analytics_enabled=False,
    )


# -- the words that suites are written in; an expectation passes over rows that lack what it is about


def when(column: str, *values: str) -> Where:
    """The rows whose `column` is one of these."""
    return Column(column).is_in(values)


def present(column: str, says: str = "", *, where: Where | None = None, severity: Severity = "critical") -> Expectation:
    return ExpectColumnValuesToNotBeNull(
        column=column, row_condition=where, **_said(says or f"{column} is known", severity)
    )


def unique(*columns: str, severity: Severity = "critical") -> Expectation:
    said = _said(f"no two rows share {' and '.join(columns)}", severity)
    if len(columns) == 1:
        return ExpectColumnValuesToBeUnique(column=columns[0], **said)
    return ExpectCompoundColumnsToBeUnique(column_list=list(columns), **said)


def one_of(column: str, values: Sequence[str], says: str = "", *, severity: Severity = "critical") -> Expectation:
    says = says or f"{column} is {', '.join(values[:-1])} or {values[-1]}"
    return ExpectColumnValuesToBeInSet(column=column, value_set=list(values), **_said(says, severity))


def between(
    column: str, least: float | None, most: float | None, says: str, *,
    where: Where | None = None, severity: Severity = "critical",
) -> Expectation:  # fmt: skip
    return ExpectColumnValuesToBeBetween(
        column=column, min_value=least, max_value=most, row_condition=where, **_said(says, severity)
    )


def not_negative(*columns: str, severity: Severity = "critical") -> list[Expectation]:
    return [between(one, 0, None, f"{one} is not negative", severity=severity) for one in columns]


def zero(column: str, says: str, *, severity: Severity = "critical") -> Expectation:
    """`column` is derived: the amount by which something does not balance."""
    return between(column, 0, 0, says, severity=severity)


def never(column: str, says: str, *, severity: Severity = "critical") -> Expectation:
    """`column` is derived: true where the row goes against the rule."""
    return ExpectColumnValuesToBeInSet(column=column, value_set=[False], **_said(says, severity))


def in_order(earlier: str, later: str, says: str = "", *, severity: Severity = "critical") -> Expectation:
    return ExpectColumnPairValuesAToBeGreaterThanB(
        column_A=later,
        column_B=earlier,
        or_equal=True,
        ignore_row_if="either_value_is_missing",
        **_said(says or f"{later} is not before {earlier}", severity),
    )


def columns_are(columns: Sequence[str]) -> Expectation:
    says = "the view has its columns and no others"
    return ExpectTableColumnsToMatchSet(column_set=list(columns), exact_match=True, **_said(says, "critical"))


def rows_are(count: int, says: str) -> Expectation:
    return ExpectTableRowCountToEqual(value=count, **_said(says, "critical"))


def _said(says: str, severity: Severity) -> dict[str, Any]:
    return {"description": says, "severity": FailureSeverity(severity)}
