"""Tasks and steps."""

from __future__ import annotations

import polars as pl

from agentos.expectations.beside import Beside
from agentos.expectations.great import in_order, never, not_negative, one_of, present, when
from agentos.expectations.suite import suite

CLOSED = ("completed", "failed", "cancelled")
TASK_STATES = ("opened", "planned", "parked", *CLOSED)
STEP_STATES = ("started", "completed", "waiting", "sent_back", "failed")


def _tasks(tasks: pl.DataFrame, beside: Beside) -> pl.DataFrame:
    """A notice of a failed task stays on the desk until it is seen; it asks for nothing."""
    asking = beside.views["approvals"].filter(pl.col("status") == "open", "asks")["task"].unique()
    closed = pl.col("status").is_in(CLOSED)
    return tasks.with_columns(
        unsettled=closed & pl.col("task").is_in(asking.to_list()),
        closed_early=~closed & pl.col("closed_at").is_not_null(),
        parked_for_nothing=(pl.col("status") == "parked") & (pl.col("parked").list.len() == 0),
        unpaid_in=(pl.col("cost") != 0) & pl.col("cost_currency").is_null(),
    )


def _steps(steps: pl.DataFrame, beside: Beside) -> pl.DataFrame:
    known = beside.views["tasks"]["task"].to_list()
    return steps.with_columns(
        homeless=~pl.col("task").is_in(known),
        unpaid_in=(pl.col("cost") != 0) & pl.col("cost_currency").is_null(),
    )


TASKS = suite(
    "tasks",
    present("task"),
    present("opened_at", "each task was opened"),
    one_of("status", TASK_STATES),
    present("closed_at", "a closed task has its end", where=when("status", *CLOSED)),
    never("closed_early", "only a closed task has an end"),
    never("unsettled", "a closed task has no card that asks for something"),
    never("parked_for_nothing", "a parked task says what it waits for"),
    in_order("opened_at", "planned_at", severity="warning"),
    in_order("opened_at", "closed_at", severity="warning"),
    not_negative("cost", "tokens", "model_calls"),
    never("unpaid_in", "a cost has its currency"),
    derive=_tasks,
    needs=("approvals",),
)

STEPS = suite(
    "steps",
    present("task"),
    present("step"),
    never("homeless", "each step is of a task that the view tasks has"),
    one_of("status", STEP_STATES),
    present("agent", "a completed step has the agent that did it", where=when("status", "completed")),
    present("ended_at", "what was completed or failed has its end", where=when("status", "completed", "failed")),
    in_order("started_at", "ended_at", severity="warning"),
    not_negative("cost", "tokens", "model_calls"),
    never("unpaid_in", "a cost has its currency"),
    derive=_steps,
    needs=("tasks",),
)
