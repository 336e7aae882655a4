from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentos.ids import uuid7
from agentos.tasks.state import CardState, EffectState, StepState, TaskState
from agentos_assets.describe import describe, table
from agentos_assets.task_asset import materialisation, partition_of

TASK = "01a20a2a-30ea-72d8-81d4-c8db3fd617d5"
AT = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
NAME = "Acme Studio"


def task(**more: Any) -> TaskState:
    plan = {"workflow": "send-invoice", "title": NAME, "steps": [{"id": "invoice"}, {"id": "deliver"}]}
    return TaskState(TASK, trigger="mail", opened_at=AT, plan=plan, **more)


def card(kind: str, status: str = "open", expires_at: datetime | None = None) -> CardState:
    data = {"expires_at": expires_at.isoformat() if expires_at else None}
    return CardState("01a20a2a-339e-733d-ac03-0b8253c47eb8", kind, "deliver", NAME, data, AT, status)


@pytest.mark.parametrize(
    ("kind", "command"),
    [
        ("effects", "`agentos approve 53c47eb8`"),
        ("budget", "`agentos approve 53c47eb8`"),
        ("question", "`agentos answer 53c47eb8 TEXT`"),
        ("failure", "`agentos answer 53c47eb8 TEXT`"),
        ("doubt", "`agentos answer 53c47eb8 TEXT`"),
    ],
)
def test_every_card_names_the_command_that_answers_it(kind: str, command: str) -> None:
    one = card(kind, expires_at=AT + timedelta(days=3))
    shown = describe(task(status="parked", cards={one.id: one}))
    assert command in str(shown["waiting for you"])
    assert "until 2026-11-26 12:00 UTC" in str(shown["waiting for you"])


def test_a_wait_for_a_moment_says_when() -> None:
    why = [{"kind": "backoff", "on": "deliver", "until": AT.isoformat(), "why": f"{NAME} did not answer"}]
    shown = describe(task(status="parked", parked=why))
    assert shown["why parked"] == ("- it waits for its next try: `deliver` goes on by itself at 2026-11-23 12:00 UTC")


def test_steps_are_shown_in_the_plans_order_with_what_failed_and_what_has_not_begun() -> None:
    failed = StepState(status="failed", agent="finance", code="invoice.no_vat", reasons=[f"{NAME} has no VAT id"])
    shown = str(describe(task(steps={"intake": StepState(), "invoice": failed}))["steps"]).splitlines()
    assert shown[2:] == [
        "| invoice | finance | failed (invoice.no_vat) | 1 |  |  |",
        "| deliver |  | not begun |  |  |  |",
    ]


def test_effects_cost_and_estimate() -> None:
    data = {"system": "mail", "verb": "send", "title": f"Mail {NAME}"}
    done = EffectState("k", data, 1, "done", receipt={"ref": "<1@example>"})
    undone = EffectState("l", data, 2, "done", receipt={"ref": "2"}, undone_by="k/undo")
    shown = describe(
        task(
            status="completed",
            closed_at=AT + timedelta(seconds=90),
            effects={"k": done, "l": undone},
            spent={"USD": Decimal("0.0123")},
            estimate={
                "cost": {"amount": "0.02", "currency": "USD"},
                "lane": "now",
                "tier": "small",
                "interruptions": 1,
            },
        )
    )
    assert str(shown["effects"]).splitlines()[2:] == [
        "| mail | send | done | `1@example` |",
        "| mail | send | undone | `2` |",
    ]
    assert shown["cost"] == "models 0.0123 USD, 0 card(s), 90 s from opening to end"
    assert shown["estimate"] == "models 0.02 USD, lane now, tier small, 1 card(s)"


def test_titles_reasons_and_summaries_stay_in_the_log() -> None:
    one = card("effects")
    state = task(
        status="parked", cards={one.id: one}, parked=[{"kind": "approval", "on": one.id, "until": None, "why": NAME}]
    )
    state.summary, state.failing = NAME, NAME
    state.understanding = {"goal": NAME, "text": NAME}
    state.steps["deliver"] = StepState(status="started", output={"said": NAME}, feedback=[NAME], answers={"who": NAME})
    assert NAME not in repr(materialisation(state))


def test_a_task_that_is_only_opened_can_be_shown() -> None:
    shown = describe(TaskState(TASK, opened_at=AT))
    assert str(shown["goal"]).startswith("not planned yet, asked for through the log")
    assert "steps" not in shown


@given(first=st.integers(0, 2**42), later=st.integers(0, 2**42))
@settings(deadline=None)
def test_partitions_sort_by_day_and_end_with_what_a_person_types(first: int, later: int) -> None:
    tasks = sorted([uuid7(first), uuid7(later)])
    days = [partition_of(one)[:-9] for one in tasks]
    assert [partition_of(one)[-8:] for one in tasks] == [one[-8:] for one in tasks]
    assert [datetime.fromisoformat(day) for day in days] == sorted(datetime.fromisoformat(day) for day in days)


def test_a_cell_cannot_break_its_table() -> None:
    assert table(["a"], [["x | y"]]).splitlines() == ["| a |", "| --- |", "| x \\| y |"]
    assert table(["a"], []) == ""
