"""What a lost worker left behind: found out before anything is asked, and not repeated behind the operator's back."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fakes.effects import FakeSystem, Killed
from tests.fakes.platform import ALLOW, ASK, RECIPE, Bench, FakeAgent, proposes, says


def bench_in(tmp_path: Path, *slots: str, **more: object) -> tuple[Bench, FakeSystem]:
    system = FakeSystem(**more)  # type: ignore[arg-type]
    return Bench(tmp_path, RECIPE, [FakeAgent("make", proposes(*slots))], {"fake": system}), system


async def killed(bench: Bench) -> str:
    task = bench.submit()
    with pytest.raises(Killed):
        await bench.advance(task)
    return task


async def test_a_repeat_waits_while_everything_is_stopped(tmp_path: Path) -> None:
    bench, system = bench_in(tmp_path, "one")
    system.fail("killed_before")
    task = await killed(bench)
    bench.open()
    bench.desk.stop("holiday")
    assert "holiday" in (await bench.advance(task)).stopped
    assert len(system.attempts) == 1
    bench.desk.start()
    assert (await bench.advance(task)).state.status == "completed"
    assert system.copies == 1


async def test_what_happened_is_found_even_while_everything_is_stopped(tmp_path: Path) -> None:
    """Looking is no effect: the receipt is a fact, and facts are recorded."""
    bench, system = bench_in(tmp_path, "one")
    system.fail("killed_after")
    task = await killed(bench)
    bench.open()
    bench.desk.stop("holiday")
    await bench.advance(task)
    assert "effect.found" in bench.types(task)
    assert len(system.attempts) == 1


async def test_what_has_begun_is_not_asked_about_again(tmp_path: Path) -> None:
    """The rules became stricter while the worker was gone: only what has not begun yet is on the card."""
    bench, system = bench_in(tmp_path, "one", "two")
    system.fail("killed_after")
    task = await killed(bench)
    bench._policy = ASK
    bench.open()
    state = (await bench.advance(task)).state
    (card,) = state.open_cards()
    assert [effect["slot"] for effect in card.data["effects"]] == ["two"]
    assert [effect.status for effect in state.effects.values()] == ["done"]
    bench.desk.deny(card.id, "not any more")
    state = (await bench.advance(task)).state
    assert state.status == "failed"
    assert [verb for verb, _ in system.done.values()] == ["act", "unact"]


async def test_a_doubt_stays_a_doubt_under_new_rules(tmp_path: Path) -> None:
    bench, system = bench_in(tmp_path, "one", repeat="unsafe", absence=False)
    system.fail("killed_after")
    system.searchable = False
    task = await killed(bench)
    bench._policy = ASK
    bench.open()
    (card,) = (await bench.advance(task)).state.open_cards()
    assert card.kind == "doubt"
    bench.desk.answer(card.id, "it happened")
    assert (await bench.advance(task)).state.status == "completed"
    assert system.copies == 1


async def test_a_forgotten_clients_task_ends_without_an_error(tmp_path: Path) -> None:
    """Its plan can't be read any more: nothing is begun, and the worker does not stumble over it for ever."""
    bench = Bench(
        tmp_path, RECIPE.replace("publish-post", "send-invoice"), [FakeAgent("make", says(1))], {}, policy=ALLOW
    )
    bench._agents[0]._work = proposes("one", system="nowhere")
    task = bench.submit("Invoice Acme Studio 100 EUR for a talk")
    bench.platform.store.sealer.keys.destroy("acme-studio")
    state = (await bench.advance(task)).state
    assert state.closed or state.parked


async def undoing(bench: Bench, system: FakeSystem) -> str:
    """An undo that the other side refused for good; returns its task's id."""
    state = await bench.run()
    assert state.status == "completed"
    system.fail("permanent")
    task = bench.desk.undo(bench.desk.undoable(state.id))
    (card,) = (await bench.advance(task)).state.open_cards()
    assert (card.kind, card.title) == ("failure", "Could not undo: Undo")
    return task


async def test_an_undo_that_failed_is_tried_again_when_the_operator_says_so(tmp_path: Path) -> None:
    bench, system = bench_in(tmp_path, "one")
    task = await undoing(bench, system)
    bench.desk.answer(bench.state(task).open_cards()[0].id, "retry")
    state = (await bench.advance(task)).state
    assert state.status == "completed"
    assert [verb for verb, _ in system.done.values()] == ["act", "unact"]


async def test_an_undo_that_fails_twice_asks_twice(tmp_path: Path) -> None:
    bench, system = bench_in(tmp_path, "one")
    task = await undoing(bench, system)
    system.fail("permanent")
    bench.desk.answer(bench.state(task).open_cards()[0].id, "retry")
    state = (await bench.advance(task)).state
    assert (state.status, len(state.open_cards())) == ("parked", 1)


async def test_an_undo_that_is_left_ends_the_task_and_what_was_done_stands(tmp_path: Path) -> None:
    bench, system = bench_in(tmp_path, "one")
    task = await undoing(bench, system)
    bench.desk.answer(bench.state(task).open_cards()[0].id, "leave")
    state = (await bench.advance(task)).state
    assert state.closed
    assert [verb for verb, _ in system.done.values()] == ["act"]
    assert bench.desk.undoable(None) != []


@pytest.mark.parametrize(("answer", "verbs"), [("retry", ["act", "unact"]), ("leave", ["act"])])
async def test_an_unwinding_that_fails_asks_and_does_as_told(tmp_path: Path, answer: str, verbs: list[str]) -> None:
    bench, system = bench_in(tmp_path, "one", "two")
    task = bench.submit()
    original = system.do

    def do(verb: str, payload: dict[str, object], key: str) -> object:
        if payload.get("what") == "two" or (verb == "unact" and not bench.state(task).cards):
            system.fail("permanent")
        return original(verb, payload, key)

    setattr(system, "do", do)  # noqa: B010
    state = (await bench.advance(task)).state
    (card,) = state.open_cards()
    assert (state.status, card.kind) == ("parked", "failure")
    bench.desk.answer(card.id, answer)
    state = (await bench.advance(task)).state
    assert state.status == "failed"
    assert [verb for verb, _ in system.done.values()] == verbs
