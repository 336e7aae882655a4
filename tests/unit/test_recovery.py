"""What a lost worker left behind: found out before anything is asked, and not repeated behind the operator's back."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fakes.effects import FakeSystem, Killed
from tests.fakes.platform import ALLOW, ASK, Bench, FakeAgent, proposes, says

RECIPE = """
workflow = "publish-post"
title = "Test"
[[steps]]
id = "make"
agent = "make"
[[steps]]
id = "deliver"
kind = "effects"
needs = ["make"]
inputs = { from = ["make"] }
"""


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
