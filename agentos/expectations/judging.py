"""What Great Expectations answers, made short: which expectations do not hold, in how many rows, and in which."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import polars as pl

from agentos.expectations.great import Expectation, validate
from agentos.expectations.verdict import Finding, Severity
from agentos.views.catalogue import VIEWS


def judge(
    name: str, flat: pl.DataFrame, rows: pl.DataFrame | None, expectations: Sequence[Expectation]
) -> list[Finding]:
    """`rows`: the view itself, in the order of `flat`; it names rows that go against an expectation."""
    result = validate(name, flat, expectations)
    order = [str(one.description) for one in expectations]
    findings = [_finding(name, one, rows) for one in result.results if not one.success]
    return sorted(findings, key=lambda one: order.index(one.says))


def _finding(name: str, result: Any, rows: pl.DataFrame | None) -> Finding:
    config, said = result.expectation_config, result.result
    at: list[int] = said.get("partial_unexpected_index_list") or []
    return Finding(
        says=str(config.description),
        name=str(config.type),
        columns=tuple(_columns(config.kwargs)),
        severity=cast(Severity, config.severity.value),
        rows=said.get("unexpected_count"),
        of=said.get("element_count"),
        keys=_keys(name, rows, at) if rows is not None else (),
        seqs=_seqs(rows, at) if rows is not None else (),
        why=_why(config.kwargs, said),
    )


def _columns(kwargs: Mapping[str, Any]) -> Iterator[str]:
    for name in ("column", "column_B", "column_A"):
        if name in kwargs:
            yield str(kwargs[name])
    yield from kwargs.get("column_list", ())


def _why(kwargs: Mapping[str, Any], said: Mapping[str, Any]) -> str:
    if not said:
        return "it can't be computed"
    if "value" in kwargs:
        return f"there are {said['observed_value']} rows, {kwargs['value']} are expected"
    if "column_set" in kwargs:
        lacking = sorted(set(kwargs["column_set"]) - set(said["observed_value"]))
        strange = sorted(set(said["observed_value"]) - set(kwargs["column_set"]))
        parts = [f"it lacks {', '.join(lacking)}" if lacking else "", f"has {', '.join(strange)}" if strange else ""]
        return " and ".join(part for part in parts if part)
    return ""


def _keys(name: str, rows: pl.DataFrame, at: Sequence[int]) -> tuple[str, ...]:
    found = rows[list(at)].select(VIEWS[name].key).rows()
    return tuple(" ".join("-" if part is None else str(part) for part in key) for key in found)


def _seqs(rows: pl.DataFrame, at: Sequence[int]) -> tuple[int, ...]:
    if "seqs" not in rows.columns:
        return ()
    return tuple(int(seqs[0]) for seqs in rows[list(at)]["seqs"].to_list() if seqs)
