"""docs/events.md says what the models say, and what real tasks record."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from agentos.agent import Kit, Question
from agentos.events.record import Record
from agentos.events.types import FACTS
from agentos.reconcile.observing import observe_and_record
from agentos.secrets.sealing import MARK
from agents import reconciler
from tests.fakes.effects import FakeSystem
from tests.fakes.models import FakeModels
from tests.fakes.platform import ASK, AnyRequest, AnyResult, Bench, FakeAgent, proposes
from tools import events_page as tool

ROOT = Path(__file__).resolve().parents[2]
RECIPE = """
workflow = "produce-and-invoice"
title = "Test"
[[steps]]
id = "make"
agent = "make"
[[steps]]
id = "offer"
agent = "offer"
needs = ["make"]
[[steps]]
id = "deliver"
kind = "effects"
needs = ["offer"]
inputs = { from = ["offer"] }
"""
TEXT = "Write a blog post about cats and invoice Acme Studio 100 EUR for it"


def test_the_page_is_fresh() -> None:
    stale = "docs/events.md is stale: run python tools/events_page.py"
    assert (ROOT / "docs" / "events.md").read_text("utf-8") == tool.page(), stale


def test_every_event_is_told_about_and_no_other() -> None:
    assert tool.ABOUT.keys() == FACTS.keys()


async def recorded(tmp_path: Path) -> list[Record]:
    """What a log holds after tasks that were approved, undone, denied, failed, cancelled, and asked a question."""

    async def make(request: AnyRequest, kit: Kit) -> AnyResult:
        await kit.use("clients.get", id="acme-studio")
        if "colour" not in kit.answers:
            raise Question("colour", "Which colour?")
        return AnyResult(said=(await kit.write("", "Say something.")).value)

    system = FakeSystem()
    agents: list[Any] = [
        reconciler,
        FakeAgent("make", make, tier="local", capabilities=["clients.get"]),
        FakeAgent("offer", proposes("one")),
    ]
    policy = ASK | {"rates": {"USD": "1.00"}}
    bench = Bench(tmp_path, RECIPE, agents, {"fake": system}, policy=policy, models=FakeModels(tiers=("local",)))
    for fate in ("approve", "deny", "fail", "doubt", "cancel"):
        task = bench.submit(TEXT, check=lambda _: "acme-studio")
        asked = (await bench.advance(task)).state.open_cards()[0]
        bench.desk.answer(asked.id, "blue")
        card = (await bench.advance(task)).state.open_cards()[0]
        if fate == "cancel":
            bench.desk.cancel(task, "no longer needed")
        elif fate == "deny":
            bench.desk.deny(card.id, "no")
        else:
            system.fail(*{"fail": ("permanent",), "doubt": ("in_doubt_after",)}.get(fate, ()))
            bench.desk.approve(card.id)
        state = (await bench.advance(task)).state
        if fate == "doubt":
            bench.desk.answer(state.open_cards()[0].id, "look again")
            await bench.advance(task)
        if fate == "approve":
            await bench.advance(bench.desk.undo(bench.desk.undoable(task)))
    for fate in ("keep", "repair"):
        task = bench.submit(TEXT, check=lambda _: "acme-studio")
        bench.desk.answer((await bench.advance(task)).state.open_cards()[0].id, "blue")
        bench.desk.approve((await bench.advance(task)).state.open_cards()[0].id)
        (key,) = (await bench.advance(task)).state.effects
        del system.done[key]
        (repair,) = observe_and_record(bench.platform, "fake").opened
        if fate == "keep":
            bench.desk.cancel(repair, "leave it")
            continue
        bench.desk.approve((await bench.advance(repair)).state.open_cards()[0].id)
        await bench.advance(repair)
        del system.done[key]
        assert observe_and_record(bench.platform, "fake").findings[0].stands == "told"
    bench.desk.stop("a test")
    bench.desk.start()
    records = list(bench.platform.log.read())
    bench.platform.store.close()
    return records


async def test_it_tells_stream_key_and_sealing_as_real_tasks_record_them(tmp_path: Path) -> None:
    records = await recorded(tmp_path)
    seen = {record.type for record in records}
    assert {"task.cancelled", "effect.found", "effect.failed", "model.called", "approval.withdrawn"} <= seen
    for record in records:
        about = tool.ABOUT[record.type]
        assert _fits(about.stream, record.stream), (record.type, record.stream)
        assert _fits(about.key, record.key or ""), (record.type, record.key)
        assert record.stored.startswith(MARK) == (record.subject is not None)
        assert about.sealed == "client" or record.subject is None, record.type
    sealed = {record.type for record in records if record.subject == "acme-studio"}
    assert {name for name in seen if tool.ABOUT[name].sealed == "client"} == sealed


def _fits(pattern: str, text: str) -> bool:
    """Capital words stand for values."""
    return any(re.fullmatch(re.sub(r"[A-Z]+", "(?:.+)", one), text) for one in pattern.split(" or "))
