"""Invoice numbers: consecutive, each once, a failed one voided on the record, whatever happens to the tasks."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from agentos.effects.port import Proposal
from tests.fakes.effects import FakeSystem
from tests.fakes.platform import ASK, RECIPE, AnyRequest, AnyResult, Bench, FakeAgent


async def numbered(request: AnyRequest, kit: object) -> AnyResult:
    proposal = Proposal(
        system="fake",
        verb="act",
        slot="invoice",
        title="Issue",
        payload={"number": "No ⟦number⟧ of ⟦day⟧", "note": "⟦number⟧"},
        assigned={"number": "series:invoice", "day": "today"},
        fill=("/number",),
    )
    return AnyResult(proposals=[proposal])


def bench_in(root: Path) -> tuple[Bench, FakeSystem]:
    system = FakeSystem()
    return Bench(root, RECIPE, [FakeAgent("make", numbered)], {"fake": system}, policy=ASK), system


@settings(max_examples=15, deadline=None)
@given(st.lists(st.sampled_from(["approve", "deny", "fail", "leave"]), min_size=1, max_size=6))
def test_numbers_have_no_gap_and_no_double(fates: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_check(Path(folder), fates))


async def _check(root: Path, fates: list[str]) -> None:
    bench, system = bench_in(root)
    states = [await bench.run() for _ in fates]
    for state, fate in zip(states, fates, strict=True):
        card = state.open_cards()[0].id
        if fate == "deny":
            bench.desk.deny(card, "no")
        elif fate in ("approve", "fail"):
            bench.desk.approve(card)
            if fate == "fail":
                system.fail("permanent")
        await bench.advance(state.id)
    assigned = [r.data["number"] for r in bench.platform.log.read(types=("number.assigned",))]
    voided = [r.data["number"] for r in bench.platform.log.read(types=("number.voided",))]
    started = [fate for fate in fates if fate in ("approve", "fail")]
    assert assigned == list(range(1, len(started) + 1))
    assert voided == [n for n, fate in enumerate(started, 1) if fate == "fail"]
    issued = [payload["number"] for _, payload in system.done.values()]
    assert issued == [f"No 2026-{n:04} of 2026-11-23" for n in assigned if n not in voided]
    bench.platform.store.close()


async def test_numbers_stay_consecutive_with_many_tasks_at_once(tmp_path: Path) -> None:
    bench, system = bench_in(tmp_path)
    states = [await bench.run() for _ in range(8)]
    for state in states:
        bench.desk.approve(state.open_cards()[0].id)
    await asyncio.gather(*(bench.advance(state.id) for state in states))
    numbers = sorted(payload["number"] for _, payload in system.done.values())
    assert numbers == [f"No 2026-{n:04} of 2026-11-23" for n in range(1, 9)]


async def test_only_declared_places_are_filled(tmp_path: Path) -> None:
    bench, system = bench_in(tmp_path)
    state = await bench.run()
    bench.desk.approve(state.open_cards()[0].id)
    await bench.advance(state.id)
    assert next(iter(system.done.values()))[1]["note"] == "⟦number⟧"


async def test_a_retry_keeps_its_number(tmp_path: Path) -> None:
    bench, system = bench_in(tmp_path)
    state = await bench.run()
    bench.desk.approve(state.open_cards()[0].id)
    system.fail("transient", retry_after=5)
    assert (await bench.advance(state.id)).state.status == "parked"
    bench.clock.at = bench.clock.at.replace(hour=14)
    assert (await bench.advance(state.id)).state.status == "completed"
    assert [r.data["number"] for r in bench.platform.log.read(types=("number.assigned",))] == [1]
    assert len(system.attempts) == 2
