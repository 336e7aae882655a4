"""The operator's answers: each is idempotent, checked where it is written, and told when it comes too late."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from agentos.errors import Refused
from tests.fakes.effects import FakeSystem
from tests.fakes.platform import ASK, RECIPE, Bench, FakeAgent, proposes


def bench_in(tmp_path: Path) -> tuple[Bench, FakeSystem]:
    system = FakeSystem()
    return Bench(tmp_path, RECIPE, [FakeAgent("make", proposes("one"))], {"fake": system}, policy=ASK), system


async def test_approving_again_is_the_same_as_once_even_when_all_is_done(tmp_path: Path) -> None:
    bench, system = bench_in(tmp_path)
    state = await bench.run()
    card = state.open_cards()[0].id
    for _ in range(2):
        bench.desk.approve(card)
    await bench.advance(state.id)
    assert bench.desk.approve(card).status == "completed"
    assert bench.types(state.id).count("approval.granted") == 1
    assert system.copies == 1


async def test_many_hands_at_once_grant_once(tmp_path: Path) -> None:
    bench, _ = bench_in(tmp_path)
    state = await bench.run()
    card = state.open_cards()[0].id
    await asyncio.gather(*(asyncio.to_thread(bench.desk.approve, card) for _ in range(8)))
    assert bench.types(state.id).count("approval.granted") == 1


async def test_of_a_yes_and_a_no_at_once_the_no_wins_or_comes_too_late(tmp_path: Path) -> None:
    bench, system = bench_in(tmp_path)
    state = await bench.run()
    card = state.open_cards()[0].id
    bench.desk.approve(card)
    bench.desk.deny(card, "changed my mind")
    state = (await bench.advance(state.id)).state
    assert not system.attempts
    assert state.status == "failed"


async def test_what_is_done_cannot_be_denied_any_more(tmp_path: Path) -> None:
    bench, _ = bench_in(tmp_path)
    state = await bench.run()
    card = state.open_cards()[0].id
    bench.desk.approve(card)
    await bench.advance(state.id)
    with pytest.raises(Refused, match="Too late"):
        bench.desk.deny(card, "changed my mind")


async def test_only_what_there_is_can_be_edited_or_struck_out(tmp_path: Path) -> None:
    bench, _ = bench_in(tmp_path)
    state = await bench.run()
    card = state.open_cards()[0].id
    with pytest.raises(Refused, match="no result of 'nothing'"):
        bench.desk.edit(card, "nothing", {"said": "mine"})
    with pytest.raises(Refused, match="nothing"):
        bench.desk.approve(card, struck=["nothing"])
    assert bench.state(state.id).open_cards()[0].id == card
