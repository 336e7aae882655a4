"""`agentos log check`: real logs keep every invariant; a log with one false event in it violates the one it should."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from agentos.events.record import NewEvent
from agentos.events.types import FACTS
from agentos.ids import uuid7
from agentos.invariants.check import check, invariants
from desk.main import main
from tests.fakes.effects import FakeSystem
from tests.fakes.platform import ALLOW, ASK, NOON, RECIPE, Bench, FakeAgent, proposes


def bench(root: Path, *slots: str, policy: Any = ALLOW, **system: Any) -> Bench:
    return Bench(root, RECIPE, [FakeAgent("make", proposes(*(slots or ("one",))))], {"fake": FakeSystem(**system)},
                 policy=policy)  # fmt: skip


def broken(made: Bench) -> set[str]:
    return {one.code for one in check(made.platform.store).violations}


def false_event(made: Bench, task: str, type: str, /, *, key: str | None = None, stream: str = "", **data: Any) -> None:
    """An event that no worker would write, in the stream of the task; what is not given is filled in."""
    blanks: dict[str, dict[str, Any]] = {
        "effect.started": {"attempt": 1, "step": "deliver", "source": "make", "slot": "one", "system": "fake",
                           "account": "fake:test", "verb": "act", "title": "Do one", "approved": "0" * 64,
                           "payload": {}, "payload_digest": "0" * 64, "assigned": {}, "authority": "policy"},
        "step.started": {"attempt": 1, "agent": "make", "agent_version": "1", "tier": "none", "now": NOON, "seed": "s"},
        "approval.requested": {"kind": "effects", "step": "deliver", "title": "?"},
        "approval.granted": {"effects": [], "via": "test"},
    }  # fmt: skip
    fact = FACTS[type].model_validate(blanks.get(type, {}) | data)
    made.platform.log.append(fact.on(stream or f"task/{task}", key=key, correlation=task))


def effect_of(made: Bench, task: str) -> str:
    return next(iter(made.state(task).effects))


async def finished(tmp_path: Path, **more: Any) -> tuple[Bench, str]:
    made = bench(tmp_path, **more)
    return made, (await made.run()).id


async def waiting(tmp_path: Path) -> tuple[Bench, str]:
    made = bench(tmp_path, policy=ASK)
    return made, (await made.run()).id


async def test_a_finished_an_undone_and_a_failed_task_keep_every_invariant(tmp_path: Path) -> None:
    made = bench(tmp_path, "one", "two", policy=ASK)
    task = (await made.run()).id
    made.desk.approve(made.state(task).open_cards()[0].id)
    assert (await made.advance(task)).state.status == "completed"
    undo = made.desk.undo(made.desk.undoable(task))
    assert (await made.advance(undo)).state.status == "completed"
    system = made.platform.systems["fake"]
    assert isinstance(system, FakeSystem)
    failing = (await made.run()).id
    made.desk.approve(made.state(failing).open_cards()[0].id)
    system.fail("transient", "in_doubt_after", "permanent")
    for _ in range(4):
        await made.advance(failing)
        made.clock.advance(timedelta(hours=1))
    report = check(made.platform.store)
    assert report.violations == []
    assert report.events == made.platform.log.head()[0]
    assert report.checked["effect.once"] >= 4


async def test_every_invariant_says_in_a_sentence_what_holds() -> None:
    assert all(one.says.endswith(".") and len(one.says) > 20 for one in invariants())
    assert len(invariants()) > 40


async def test_something_begun_after_the_end_is_found(tmp_path: Path) -> None:
    made, task = await finished(tmp_path)
    false_event(made, task, "step.started", step="more", round=1)
    assert broken(made) == {"task.closed_stays"}


async def test_a_second_end_is_found(tmp_path: Path) -> None:
    made, task = await finished(tmp_path)
    false_event(made, task, "task.cancelled", why="late")
    assert broken(made) == {"task.closed_once"}


async def test_a_task_opened_twice_is_found(tmp_path: Path) -> None:
    made, task = await waiting(tmp_path)
    false_event(made, task, "task.opened", task=task, intent=made.state(task).intent, trigger="terminal")
    assert broken(made) == {"task.opened_once"}


async def test_a_result_that_was_replaced_is_found(tmp_path: Path) -> None:
    made, task = await waiting(tmp_path)
    false_event(made, task, "step.completed", step="make", round=1, output={"said": "another"})
    assert broken(made) == {"step.once"}


async def test_a_step_before_what_it_needs_is_found(tmp_path: Path) -> None:
    made = bench(tmp_path)
    task = made.submit()
    false_event(made, task, "task.planned", understanding={}, estimate={},
                plan={"steps": [{"id": "a", "needs": []}, {"id": "b", "needs": ["a"]}]})  # fmt: skip
    false_event(made, task, "step.started", step="b", round=1)
    assert broken(made) == {"step.needs"}


async def test_a_second_receipt_is_found(tmp_path: Path) -> None:
    made, task = await finished(tmp_path)
    false_event(made, task, "effect.found", effect=effect_of(made, task), receipt={"ref": "again", "data": {}})
    assert broken(made) == {"effect.once"}


async def test_a_receipt_without_a_start_is_found(tmp_path: Path) -> None:
    made, task = await waiting(tmp_path)
    false_event(made, task, "effect.done", effect="fake:test/act/x", receipt={"ref": "r", "data": {}})
    assert broken(made) == {"effect.begun"}


async def test_what_nobody_proposed_is_found(tmp_path: Path) -> None:
    made, task = await waiting(tmp_path)
    false_event(made, task, "effect.started", effect=f"fake:test/act/{task}/make/one")
    assert {"effect.proposed", "effect.payload"} <= broken(made)


async def test_an_effect_that_its_card_does_not_grant_is_found(tmp_path: Path) -> None:
    made, task = await waiting(tmp_path)
    card = made.state(task).open_cards()[0]
    false_event(made, task, "effect.started", effect=card.data["effects"][0]["key"], authority=card.id)
    assert "effect.authority" in broken(made)


async def test_what_was_denied_and_done_all_the_same_is_found(tmp_path: Path) -> None:
    made, task = await waiting(tmp_path)
    card = made.state(task).open_cards()[0]
    made.desk.deny(card.id, "no")
    effect = card.data["effects"][0]
    false_event(made, task, "effect.started", effect=effect["key"], approved=effect["digest"])
    assert "effect.denied" in broken(made)


async def test_an_effect_while_stopped_is_found(tmp_path: Path) -> None:
    made, task = await waiting(tmp_path)
    made.desk.stop("test")
    false_event(made, task, "effect.started", effect="fake:test/act/x")
    assert "effect.stopped" in broken(made)


async def test_an_effect_in_a_rehearsal_is_found(tmp_path: Path) -> None:
    made = bench(tmp_path)
    task = made.submit(rehearsal=True)
    false_event(made, task, "effect.started", effect="fake:test/act/x")
    assert "effect.rehearsed" in broken(made)


async def test_a_try_that_began_while_the_one_before_was_open_is_found(tmp_path: Path) -> None:
    made, task = await waiting(tmp_path)
    for attempt in (1, 2):
        false_event(made, task, "effect.started", effect="fake:test/act/x", attempt=attempt)
    assert "effect.again" in broken(made)


async def test_a_doubt_without_a_card_is_found(tmp_path: Path) -> None:
    made, task = await waiting(tmp_path)
    false_event(made, task, "effect.started", effect="fake:test/act/x")
    assert "effect.doubt_asked" not in broken(made)
    false_event(made, task, "effect.in_doubt", effect="fake:test/act/x", attempt=1, why="?")
    assert "effect.doubt_asked" in broken(made)


async def test_undoing_what_was_not_done_is_found(tmp_path: Path) -> None:
    made, task = await waiting(tmp_path)
    false_event(
        made, task, "effect.started", effect="fake:test/act/x/undo", undoes="fake:test/act/x", authority="unwind"
    )
    assert "undo.done" in broken(made)


async def test_an_end_that_hides_what_stands_is_found(tmp_path: Path) -> None:
    made, task = await waiting(tmp_path)
    false_event(made, task, "effect.started", effect="fake:test/act/x")
    false_event(made, task, "effect.done", effect="fake:test/act/x", receipt={"ref": "r", "data": {}})
    false_event(made, task, "task.failed", code="x", why="x")
    assert "task.failed_told" in broken(made)


async def test_completed_without_its_steps_is_found(tmp_path: Path) -> None:
    made, task = await waiting(tmp_path)
    false_event(made, task, "task.completed", summary="done", actual={})
    assert "task.completed_steps" in broken(made)


async def test_parked_for_nothing_is_found(tmp_path: Path) -> None:
    made, task = await waiting(tmp_path)
    false_event(made, task, "task.parked", why=[])
    assert broken(made) == {"task.parked_why", "card.wakes"}


async def test_a_card_decided_twice_and_a_grant_of_something_else_are_found(tmp_path: Path) -> None:
    made, task = await waiting(tmp_path)
    card = made.state(task).open_cards()[0].id
    false_event(made, task, "approval.granted", card=card, effects=[{"key": "fake:test/act/y", "digest": "0"}])
    false_event(made, task, "approval.answered", card=card, slot="s", answer="a", via="test")
    assert broken(made) == {"card.once", "card.grant"}


@pytest.mark.parametrize(
    ("numbers", "codes"),
    [
        ([1, 2], {"number.effect"}),
        ([1, 3], {"number.effect", "number.series"}),
        ([2, 2], {"number.effect", "number.series"}),
    ],
)
async def test_gaps_and_repeats_in_a_series_are_found(tmp_path: Path, numbers: list[int], codes: set[str]) -> None:
    made, task = await waiting(tmp_path)
    for number in numbers:
        false_event(made, task, "number.assigned", stream="number/invoice", series="invoice", number=number,
                    text=f"N{number}", effect="fake:test/act/x")  # fmt: skip
    false_event(made, task, "effect.started", effect="fake:test/act/y")
    assert codes <= broken(made)
    assert ("number.series" in codes) == ("number.series" in broken(made))


async def test_a_number_voided_and_used_is_found(tmp_path: Path) -> None:
    made, task = await waiting(tmp_path)
    number: dict[str, Any] = {"series": "invoice", "number": 1, "text": "N1"}
    false_event(made, task, "number.assigned", stream="number/invoice", **number, effect="fake:test/act/x")
    false_event(made, task, "effect.started", effect="fake:test/act/x")
    false_event(made, task, "effect.done", effect="fake:test/act/x", receipt={"ref": "r", "data": {}})
    false_event(made, task, "number.voided", stream="number/invoice", **number, why="?")
    assert "number.void" in broken(made)


async def test_money_that_was_reserved_and_settled_wrongly_is_found(tmp_path: Path) -> None:
    made, task = await waiting(tmp_path)
    euro = {"amount": "2", "currency": "EUR"}
    cent = {"amount": "0.01", "currency": "EUR"}
    false_event(made, task, "model.reserved", call="c", step="make", tier="small", cost=cent, tokens=1)
    false_event(made, task, "model.settled", call="c", step="make", cost=euro, tokens=1)
    false_event(made, task, "model.settled", call="c", step="make", cost=euro, tokens=1)
    assert broken(made) == {"model.settled_within", "model.settled_once"}


async def test_a_budget_that_was_overshot_is_found(tmp_path: Path) -> None:
    made = bench(tmp_path)
    task = made.submit(budget={"amount": "1.50", "currency": "EUR"})
    for call in ("a", "b"):
        cost = {"amount": "1", "currency": "EUR"}
        false_event(made, task, "model.reserved", call=call, step="make", tier="small", cost=cost, tokens=1)
    assert broken(made) == {"budget.kept"}


REPAIR = {"fingerprint": "f", "task": "t"}
DRIFT = {
    "fingerprint": "f",
    "system": "fake",
    "kind": "missing",
    "thing": "fake:test/act/a",
    "ref": "a",
    "words": "It is gone.",
}
FALSE_REPAIRS: list[tuple[list[tuple[str, str, dict[str, Any]]], str]] = [
    ([("drift.detected", "drift/f/1", DRIFT), ("drift.detected", "drift/f/2", DRIFT)], "drift.once"),
    ([("drift.closed", "drift.closed/f/1", {"fingerprint": "f", "how": "gone"})], "drift.closed_open"),
    ([("repair.opened", "repair/f", REPAIR)], "repair.once"),
    ([("repair.closed", "repair.closed/f", REPAIR | {"how": "gone"})], "repair.closed_opened"),
    ([("drift.detected", "drift/f/1", DRIFT | {"escalated": True}), ("repair.opened", "repair/f", REPAIR)],
     "repair.unrepaired"),
]  # fmt: skip


@pytest.mark.parametrize(("events", "code"), FALSE_REPAIRS, ids=lambda one: one if isinstance(one, str) else "")
async def test_a_false_repair_is_found(
    tmp_path: Path, events: list[tuple[str, str, dict[str, Any]]], code: str
) -> None:
    made, task = await finished(tmp_path)
    assert broken(made) == set()
    for type, key, data in events:
        false_event(made, task, type, key=key, stream="drift/f", **data)
    assert code in broken(made)


async def test_a_client_in_the_open_is_found(tmp_path: Path) -> None:
    made, _task = await waiting(tmp_path)
    blob = made.platform.blobs.put(b'name = "Acme Studio"', "acme-studio")
    fact = FACTS["workspace.file_changed"].model_validate(
        {"path": "clients/acme-studio.toml", "digest": "0", "blob": blob}
    )
    made.platform.log.append(fact.on("workspace", subject="acme-studio"))
    made.platform.log.append(NewEvent("circuit.closed", "circuit", {"circuit": "Acme Studio"}))
    assert broken(made) == {"sealed.names"}


async def test_a_blob_that_is_gone_is_found(tmp_path: Path) -> None:
    made, _task = await waiting(tmp_path)
    name = made.platform.blobs.put(b"large", None)
    intent = uuid7()
    received = FACTS["intent.received"].model_validate(
        {"intent": intent, "channel": "terminal", "author": "operator", "text": None, "blob": name}
    )
    made.platform.log.append(received.on(f"intent/{intent}", key=f"intent/{intent}"))
    assert broken(made) == set()
    made.platform.blobs.path(name).unlink()
    assert "blob.kept" in broken(made)


async def test_a_forgotten_client_is_a_value(tmp_path: Path) -> None:
    made, task = await finished(tmp_path)
    fact = FACTS["step.completed"].model_validate({"step": "make", "round": 1, "output": {}})
    made.platform.log.append(fact.on(f"task/{task}", subject="acme-studio", correlation=task))
    made.platform.store.sealer.keys.destroy("acme-studio")
    report = check(made.platform.store)
    assert (report.ok, report.unreadable) == (True, 1)


async def test_the_command_says_what_it_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made, task = await finished(tmp_path)
    (tmp_path / "agentos.toml").write_text("")
    assert run(tmp_path, "log", "check") == 0
    assert "All hold" in capsys.readouterr().out
    false_event(made, task, "task.cancelled", why="late")
    assert run(tmp_path, "log", "check") == 1
    assert "it is completed already" in capsys.readouterr().out
    assert run(tmp_path, "log", "check", "--json") == 1
    (found,) = json.loads(capsys.readouterr().out)["violations"]
    assert (found["code"], found["task"]) == ("task.closed_once", task)
    assert run(tmp_path, "log", "check", "--list") == 0
    assert "A task ends once" in capsys.readouterr().out


def run(root: Path, *words: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["--workspace", str(root), *words])
    return int(ended.value.code or 0)
