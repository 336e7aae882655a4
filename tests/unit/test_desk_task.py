"""A task's timeline, its ending, and the lines that appear while it runs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click
import pytest

from agentos.clock import micros
from agentos.events.record import FORGOTTEN, Record
from agentos.tasks.state import EffectState, TaskState, fold
from desk.render.closing import closing_lines
from desk.render.event import event_line
from desk.render.live import live_line, slot_of
from desk.render.task import ending_lines, outcome_lines, receipt_lines, timeline_lines, waiting_lines

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
TASK = "01a20a33-3e2c-7a5a-b2b5-1fba8254d2a4"
KEY = f"invoice:main/issue/{TASK}/invoice"


def records(*facts: tuple[str, dict[str, Any]], apart: float = 2) -> list[Record]:
    def made() -> Iterator[Record]:
        for n, (type, data) in enumerate(facts):
            at = micros(NOON + timedelta(seconds=apart * n))
            envelope = (n + 1, f"id{n}", f"task/{TASK}", n, type, at, "system", None, None, TASK, None, b"", b"")
            yield Record(*envelope, decode=lambda _, data=data: data)  # type: ignore[misc]

    return list(made())


def started(step: str, agent: str) -> tuple[str, dict[str, Any]]:
    return "step.started", {"step": step, "attempt": 1, "agent": agent, "agent_version": "1", "tier": "small",
                            "now": NOON.isoformat(), "seed": "s"}  # fmt: skip


def completed(step: str, confidence: float | None = None) -> tuple[str, dict[str, Any]]:
    return "step.completed", {"step": step, "output": {}, "confidence": confidence, "labels": {}}


CALL = {"step": "draft", "model": "m-1", "tokens_in": 900, "tokens_out": 100,
        "cost": {"amount": "0.02", "currency": "USD"}}  # fmt: skip
EFFECT = ("effect.started", {"effect": KEY, "attempt": 1, "title": "Invoice Acme", "slot": "invoice"})
DONE = ("effect.done", {"effect": KEY, "receipt": {"ref": "2026-0001", "data": {}}})


def timeline(*facts: tuple[str, dict[str, Any]], apart: float = 2) -> list[str]:
    return [click.unstyle(text) for text in timeline_lines(records(*facts, apart=apart), UTC, 78)]


def test_a_step_is_one_row_with_its_time_its_calls_and_its_cost() -> None:
    facts = (
        started("draft", "drafter"),
        ("tool.called", {"step": "draft"}),
        ("model.called", CALL),
        completed("draft", 0.9),
    )
    assert timeline(*facts) == [
        "  12:00:06  draft  6.0 s, 1 look-up, 1 model call (m-1), 1000 tokens, 0.02 USD, 90% sure"
    ]


def test_the_time_a_person_took_is_not_a_step_s() -> None:
    assert timeline(started("deliver", "coordinator"), completed("deliver"), apart=3600) == ["  13:00:00  deliver"]


def test_an_effect_is_one_row_once_it_is_done_and_stands_alone_while_it_is_not() -> None:
    assert timeline(EFFECT, DONE) == ["  12:00:02  carried out  Invoice Acme"]
    assert timeline(EFFECT) == ["  12:00:00  effect  Invoice Acme"]


def test_waiting_for_a_person_is_told_by_the_card_and_waiting_for_an_hour_by_itself() -> None:
    why = [{"kind": "approval", "on": "c", "until": None, "why": "a card"}]
    assert timeline(("task.parked", {"why": why})) == []
    why = [{"kind": "until", "on": "s", "until": NOON.isoformat(), "why": "held"}]
    assert timeline(("task.parked", {"why": why})) == ["  12:00:00  waited  held"]


def test_days_are_named_when_there_are_several_and_the_forgotten_says_so() -> None:
    facts = (("task.opened", {"trigger": "terminal", "rehearsal": False}), ("task.planned", {FORGOTTEN: True}))
    assert timeline(*facts, apart=86_400) == [
        "  23 Nov 12:00:00  opened       terminal",
        "  24 Nov 12:00:00  (forgotten)",
    ]


@pytest.mark.parametrize(
    ("fact", "says"),
    [
        (started("draft", "drafter"), "→ draft      drafter (small)"),
        (completed("check", 0.95), "✓ check      95% sure"),
        (DONE, "✓ invoice    2026-0001"),
        (("step.failed", {"step": "s", "kind": "semantic", "redo": "draft", "reasons": ["a claim"], "code": "x"}),
         "↺ s          back to draft: a claim"),
        (("step.failed", {"step": "s", "kind": "permanent", "redo": None, "reasons": [], "code": "x.y"}),
         "✗ s          x.y"),
        (("task.planned", {"plan": {"workflow": "w", "steps": [{}]}, "estimate": {"cost": None}}),
         "· plan       w: 1 step, models cost an unknown sum"),
        (("task.planned", {"plan": {"workflow": "w", "steps": [{}, {}]},
                           "estimate": {"cost": {"amount": "0", "currency": "USD"}}}), "· plan       w: 2 steps"),
    ],
)  # fmt: skip
def test_live_lines(fact: tuple[str, dict[str, Any]], says: str) -> None:
    shown = live_line(records(fact)[0])
    assert shown is not None
    assert click.unstyle(shown).strip() == says


def test_what_nobody_needs_to_see_has_no_live_line() -> None:
    assert live_line(records(("model.reserved", {}))[0]) is None
    assert live_line(records(("step.started", {FORGOTTEN: True}))[0]) is None
    assert slot_of(f"{KEY}#2") == "invoice"
    assert slot_of(f"{KEY}/undo") == "undo"


def test_an_event_is_one_line_that_says_what_it_is_about() -> None:
    text = click.unstyle(event_line(records(EFFECT)[0], UTC, 100))
    assert text.startswith("    1  23 Nov 12:00:00  8254d2a4  effect.started")
    assert "Invoice Acme" in text
    assert len(text) <= 100


def test_a_receipt_tells_where_to_find_it(tmp_path: Path) -> None:
    (tmp_path / "books").mkdir()
    (tmp_path / "books" / "a.pdf").touch()
    data = {"number": "2026-0001", "net": "100.00", "vat": "19.00", "gross": "119.00", "currency": "EUR",
            "pdf": "books/a.pdf", "file": "a.pdf"}  # fmt: skip
    assert receipt_lines({"ref": "2026-0001", "data": data}, tmp_path) == [
        "2026-0001: net 100.00 EUR + VAT 19.00 EUR = 119.00 EUR",
        str(tmp_path / "books" / "a.pdf"),
    ]
    assert receipt_lines({"ref": "only this", "data": {"file": "gone.eml"}}, tmp_path) == ["only this"]


def done_effect(**more: Any) -> EffectState:
    data = {"title": "Invoice Acme", "system": "other", "undoes": None, "amounts": None}
    return EffectState(KEY, data, 1, status="done", receipt={"ref": "2026-0001", "data": {}}, **more)


def test_a_failed_task_says_what_stands_and_what_was_taken_back() -> None:
    state = TaskState(TASK, status="failed", summary="the bank said no", effects={KEY: done_effect()})
    assert [click.unstyle(text) for text in ending_lines(state, 78)][:2] == [
        "Failed: the bank said no",
        "  stands: Invoice Acme",
    ]
    state.effects[KEY] = done_effect(undone_by=f"{KEY}/undo")
    assert "  taken back: Invoice Acme" in ending_lines(state, 78)


def test_an_undo_is_not_offered_for_an_undo() -> None:
    state = TaskState(TASK, status="completed", effects={KEY: done_effect()})
    assert "agentos undo" in "\n".join(outcome_lines(state, Path(), 78))
    state.trigger = "undo"
    assert "agentos undo" not in "\n".join(outcome_lines(state, Path(), 78))


def test_a_waiting_task_says_when_and_by_what_it_goes_on() -> None:
    until = (NOON + timedelta(hours=3)).isoformat()
    state = TaskState(TASK, status="parked", parked=[{"kind": "until", "until": until, "why": "held"}])
    first, second = waiting_lines(state, UTC, NOON)
    assert first == "Waits until 15:00 (3 h): held"
    assert "agentos resume 8254d2a4" in second


def test_the_closing_screen_finds_the_booking_and_the_post(tmp_path: Path) -> None:
    (tmp_path / "books").mkdir()
    (tmp_path / "books" / "2026.beancount").write_text(
        '2026-01-01 * "Other" ""\n  key: "x"\n  A  1 EUR\n\n2026-11-23 * "Acme" "Work"\n  key: "k"\n  B  2 EUR\n'
    )
    ledger = done_effect()
    ledger.data["system"] = "ledger"
    ledger.receipt = {"ref": "r", "data": {"file": "books/2026.beancount", "key": "k"}}
    state = fold(TASK, [])
    state.effects[KEY] = ledger
    text = click.unstyle("\n".join(closing_lines(state, [], tmp_path, UTC, 78, "the same")))
    assert '2026-11-23 * "Acme" "Work"\n' in text
    assert "B  2 EUR" in text
    assert "Other" not in text
    assert "nothing (no model was called)" in text
