"""A log of any length, as a year of work would leave it: finished tasks of about twenty events, some open ones, and
calls of models in between. Written through the log itself, a few hundred events a commit."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from agentos.clock import FixedClock
from agentos.events.record import NewEvent
from agentos.events.types import (
    ApprovalGranted,
    ApprovalRequested,
    EffectDone,
    EffectStarted,
    Fact,
    IntentReceived,
    ModelCalled,
    ModelReserved,
    ModelSettled,
    StepCompleted,
    StepStarted,
    TaskCompleted,
    TaskOpened,
    TaskParked,
    TaskPlanned,
    TaskResumed,
)
from agentos.ids import uuid7
from agentos.platform import Store, open_store

WAITING = 5
"""Tasks that wait for a card at the end, whatever the length of the log."""
EVERY = timedelta(minutes=7)
_COST = {"amount": "0.0021", "currency": "USD"}
_TEXT = "x" * 300


def write(root: Path, events: int) -> Store:
    """Fill the log of the workspace `root` up to about `events`; the store is open."""
    clock = FixedClock(datetime.now(UTC) - EVERY * (events // 20))
    store = open_store(root, clock=clock)
    batch: list[NewEvent] = []
    written = 0
    while written < events:
        batch += _task(clock.at, closed=True)
        clock.advance(EVERY)
        if len(batch) >= 400:
            written += len(store.log.append(batch))
            batch = []
            if sys.stderr.isatty():
                print(f"\r{written:,} events", end="\r", file=sys.stderr)
    clock.at = datetime.now(UTC)
    for _ in range(WAITING):
        batch += _task(clock.at, closed=False)
    store.log.append(batch)
    store.close()
    return open_store(root)


def _task(at: datetime, *, closed: bool) -> Iterator[NewEvent]:
    ms = int(at.timestamp() * 1000)
    task, intent, card = (uuid7(ms, os.urandom(10)) for _ in range(3))
    stream, effect = f"task/{task}", f"mail:main/send/{task}/deliver/mail"

    def on(fact: Fact, key: str | None = None) -> NewEvent:
        return fact.on(stream, key=key, correlation=task)

    said = IntentReceived(intent=intent, channel="terminal", author="operator", text=_TEXT, blob=None)
    yield said.on(f"intent/{intent}", key=f"intent/{intent}")
    yield on(TaskOpened(task=task, intent=intent, trigger="terminal"), f"task/{task}")
    plan = {"workflow": "bench", "title": "A task", "steps": [{"id": "draft", "needs": []}]}
    yield on(
        TaskPlanned(understanding={"text": _TEXT, "goal": "A task"}, plan=plan, estimate={}), f"task.planned/{task}"
    )
    for step in ("research", "draft", "check"):
        yield on(
            StepStarted(step=step, round=1, attempt=1, agent=step, agent_version="1", tier="small", now=at, seed="0"),
            f"step.started/{task}/{step}/1/1",
        )
        call = f"{step}/1/0/1"
        yield on(
            ModelReserved(call=call, step=step, tier="small", cost=_COST, tokens=900), f"model.reserved/{task}/{call}"
        )
        yield on(
            ModelCalled(call=call, step=step, round=1, request="0" * 32, nth=1, tier="small", model="m",
                        answer={"text": _TEXT}, tokens_in=500, tokens_out=300, cost=_COST, latency_ms=900,
                        cached=False),
            f"call/{task}/{step}/1/0/1",
        )  # fmt: skip
        yield on(
            ModelSettled(call=call, step=step, cost=_COST, tokens=800, why="answered"), f"model.settled/{task}/{call}"
        )
        yield on(StepCompleted(step=step, round=1, output={"text": _TEXT}), f"step.completed/{task}/{step}/1")
    yield on(
        ApprovalRequested(card=card, kind="effects", step="deliver", title="Mail", body={"content": "0"}),
        f"approval.requested/{task}/deliver/1",
    )
    yield on(TaskParked(why=[{"kind": "approval", "on": card, "until": None, "why": "Mail"}]))
    if not closed:
        return
    yield on(
        ApprovalGranted(card=card, effects=[{"key": effect, "digest": "0"}], struck=[], via="desk"),
        f"approval.granted/{card}",
    )
    yield on(TaskResumed(by="bench"))
    yield on(
        EffectStarted(effect=effect, attempt=1, step="deliver", source="draft", slot="mail", system="mail",
                      account="mail:main", verb="send", title="Mail", approved="0", payload={"text": _TEXT},
                      payload_digest="0", assigned={}, fill=[], authority="card", to="a@b.example", undoes=None,
                      amounts=None),
        f"effect.started/{effect}/1",
    )  # fmt: skip
    yield on(EffectDone(effect=effect, receipt={"ref": "r", "data": {}}), f"effect.done/{effect}")
    yield on(TaskCompleted(summary="Done", actual={"workflow": "bench", "minutes": 3.0}), f"task.closed/{task}")
