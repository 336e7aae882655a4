"""What agents and their models did."""

from __future__ import annotations

import polars as pl

from agentos.expectations.beside import Beside
from agentos.expectations.great import between, in_order, never, not_negative, one_of, present, when, zero
from agentos.expectations.suite import suite


def _calls(calls: pl.DataFrame, beside: Beside) -> pl.DataFrame:
    return calls.with_columns(
        over=pl.col("cost") > pl.col("reserved"),
        unpaid_in=(pl.col("cost") != 0) & pl.col("currency").is_null(),
    )


CALLS = suite(
    "calls",
    present("task"),
    present("call"),
    present("step", severity="warning"),
    one_of("status", ("reserved", "answered", "lost")),
    not_negative("cost", "reserved", "tokens", "tokens_in", "tokens_out", "latency_ms"),
    never("over", "no call cost more than was reserved for it"),
    never("unpaid_in", "a cost has its currency"),
    present("settled_at", "what was lost is settled", where=when("status", "lost")),
    in_order("reserved_at", "settled_at", severity="warning"),
    derive=_calls,
)


def _done(beside: Beside) -> pl.DataFrame:
    steps = beside.views["steps"].filter(pl.col("agent").is_not_null())
    return steps.group_by("agent", "agent_version").agg(_steps=pl.len(), _tokens=pl.col("tokens").sum())


def _agents(agents: pl.DataFrame, beside: Beside) -> pl.DataFrame:
    keys = ["agent", "agent_version"]
    wide = agents.join(_done(beside), on=keys, how="left", maintain_order="left", nulls_equal=True)
    steps = pl.col("steps").cast(pl.Int64)
    return wide.with_columns(
        steps_apart=steps - pl.col("_steps").fill_null(0).cast(pl.Int64),
        tokens_apart=pl.col("tokens") - pl.col("_tokens").fill_null(0),
        failed_more=pl.max_horizontal("failed", "retried", "sent_back") > pl.col("steps"),
        unpaid_in=(pl.col("cost") != 0) & pl.col("cost_currency").is_null(),
    )


AGENTS = suite(
    "agents",
    present("agent"),
    zero("steps_apart", "an agent has the steps that the view steps has"),
    zero("tokens_apart", "its tokens are those of its steps"),
    never("failed_more", "no more steps failed, or were retried or sent back, than it was given"),
    between("confidence", 0, 1, "confidence is between 0 and 1"),
    not_negative("cost", "tokens"),
    never("unpaid_in", "a cost has its currency"),
    derive=_agents,
    needs=("steps",),
    rows=lambda beside: _done(beside).height,
)
