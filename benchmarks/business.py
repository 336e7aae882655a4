"""A log as a business would leave it: posts for clients with an invoice each, its booking and most of the money, and
posts of her own in between. Payloads are as large as those of the recorded vignette; a task every seven minutes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from agentos.clock import FixedClock
from agentos.events.record import NewEvent
from agentos.ids import uuid7
from agentos.platform import Store, open_store

CLIENTS = tuple(f"client-{n:02}" for n in range(12))
EVERY = timedelta(minutes=7)
BATCH = 600
_COST = {"amount": "0.0021037", "currency": "USD"}
_WORDS = "the post says what a heat pump costs to run in a house of 1978 and what a new radiator changes "


def _text(size: int) -> str:
    """About as many bytes as the recorded vignette has at that place."""
    return (_WORDS * (size // len(_WORDS) + 1))[:size]


_MONEY = {"net": "1200.00", "vat": "228.00", "gross": "1428.00"}
_AMOUNTS = {name: {"amount": amount, "currency": "EUR"} for name, amount in _MONEY.items()}


def write(root: Path, events: int) -> Store:
    """Fill the log of `root` up to about `events`, ending yesterday."""
    end = datetime.now(UTC).replace(hour=0, minute=0) - timedelta(days=1)
    clock = FixedClock(end - EVERY * (events // 30))
    store = open_store(root, clock=clock)
    batch: list[NewEvent] = []
    written = n = 0
    while written + len(batch) < events:
        batch += _task(n, clock.at)
        n += 1
        clock.advance(EVERY)
        if len(batch) >= BATCH:
            written += len(store.log.append(batch))
            batch = []
    store.log.append(batch)
    return store


def _task(n: int, at: datetime) -> Iterator[NewEvent]:
    ms = int(at.timestamp() * 1000)
    task, card = uuid7(ms, os.urandom(10)), uuid7(ms, os.urandom(10))
    client = CLIENTS[n // 2 % len(CLIENTS)] if n % 2 else None
    on = _Task(task, client)
    yield on.open("task.opened", {"task": task, "intent": task, "trigger": "terminal", "rehearsal": False, "by": None,
                                  "budget": None})  # fmt: skip
    plan: dict[str, Any] = {"workflow": "produce-and-invoice" if client else "produce", "title": "A task", "steps": []}
    yield on.sealed("task.planned", {"understanding": {"text": _text(2400)}, "plan": plan, "estimate": {}})
    for step in ("research", "draft", "check"):
        yield from _step(on, step, at)
    asked: list[dict[str, Any]] = [
        {"key": key, "digest": "0", "amounts": _AMOUNTS if ":issue" in key else None, "reasons": []}
        for key in on.effects
    ]
    yield on.sealed("approval.requested", {
        "card": card, "kind": "effects", "step": "deliver", "title": "T", "effects": asked,
        "reasons": [{"code": "policy.asks", "about": "", "text": _text(300)}], "question": None, "expires_at": None,
        "body": {"content": "0", "payloads": _text(4000)}})  # fmt: skip
    yield on.sealed("task.parked", {"why": [{"kind": "approval", "on": card, "until": None, "why": "Mail"}]})
    granted = [{"key": key, "digest": "0"} for key in on.effects]
    yield on.sealed("approval.granted", {"card": card, "effects": granted, "struck": [], "via": "desk"})
    yield on.sealed("task.resumed", {"by": "bench"})
    yield from _effects(on, n, at, card)
    yield on.sealed("task.completed", {"summary": "Done", "actual": {"workflow": "bench", "minutes": 3.0}})


class _Task:
    def __init__(self, task: str, client: str | None) -> None:
        self.task, self.client, self.count = task, client, 0

    @property
    def effects(self) -> list[str]:
        if self.client is None:
            return [f"site:main/publish/{self.task}/post/post"]
        return [f"site:main/publish/{self.task}/post/post", f"invoice:main/issue/{self.task}/invoice/invoice",
                f"ledger:main/book/{self.task}/invoice/ledger"]  # fmt: skip

    def open(self, type: str, data: dict[str, Any]) -> NewEvent:
        return self._event(type, data, None, "system")

    def sealed(self, type: str, data: dict[str, Any], actor: str = "system") -> NewEvent:
        return self._event(type, data, self.client, actor)

    def _event(self, type: str, data: dict[str, Any], subject: str | None, actor: str) -> NewEvent:
        self.count += 1
        key = f"{type}/{self.task}/{self.count}"
        return NewEvent(type, f"task/{self.task}", data, key, actor, subject, self.task)


def _step(on: _Task, step: str, at: datetime) -> Iterator[NewEvent]:
    yield on.sealed("step.started", {
        "step": step, "round": 1, "attempt": 1, "agent": f"{step}er", "agent_version": "1", "tier": "small",
        "now": at.isoformat(), "seed": "0"})  # fmt: skip
    call = {"call": f"{step}/1/0/1", "step": step}
    yield on.open("model.reserved", {**call, "tier": "small", "cost": _COST, "tokens": 900})
    yield on.sealed("model.called", {
        **call, "round": 1, "request": "0" * 32, "nth": 1, "tier": "small", "model": "m",
        "answer": {"text": _text(1100)},
        "tokens_in": 500, "tokens_out": 300, "cost": _COST, "latency_ms": 900, "cached": False, "reported_tokens": 0,
    }, f"agent:{step}er")  # fmt: skip
    yield on.open("model.settled", {**call, "cost": _COST, "tokens": 800, "why": "answered"})
    yield on.sealed("step.completed", {
        "step": step, "round": 1, "output": {"text": _text(1000)}, "confidence": 0.9, "labels": {}, "notes": [],
    }, f"agent:{step}er")  # fmt: skip


def _effects(on: _Task, n: int, at: datetime, card: str) -> Iterator[NewEvent]:
    day, number = at.date().isoformat(), f"{at.year}-{n:06}"
    post, *rest = on.effects
    yield from _effect(on, post, card, {"text": _text(300)}, None, {"date": day}, {"slug": "s"})
    if not rest:
        return
    issue, book = rest
    due = (at.date() + timedelta(days=14)).isoformat()
    said = {"number": number, "issued_on": day, "due": due, **_MONEY, "currency": "EUR", "key": issue}
    taken = {"series": "invoice", "number": n, "text": number, "effect": issue}
    yield NewEvent("number.assigned", "number/invoice", taken, f"number/invoice/{n}", correlation=on.task)
    yield from _effect(on, issue, card, {"text": _text(900)}, _AMOUNTS, {"number": number, "date": day}, said)
    entry = {"date": "⟦date⟧", "invoice": "⟦number⟧", "client": on.client, "payee": "P", "narration": "N", **_MONEY,
             "currency": "EUR"}  # fmt: skip
    yield from _effect(on, book, card, entry, None, {"number": number, "date": day},
                       {"key": book, "invoice": number, "date": day})  # fmt: skip
    if n % 5:
        paid = {"date": due, "invoice": number, "client": on.client, "payee": "P", "narration": "N",
                "amount": _MONEY["gross"] if n % 7 else "700.00", "currency": "EUR"}  # fmt: skip
        key = f"ledger:main/receive/payment/{number}/1"
        yield from _effect(on, key, "policy", paid, None, {}, {"key": key, "invoice": number, "date": due})


def _effect(
    on: _Task, key: str, authority: str, payload: dict[str, Any], amounts: Any, assigned: dict[str, str],
    said: dict[str, Any],
) -> Iterator[NewEvent]:  # fmt: skip
    account, verb, *_ = key.split("/")
    yield on.sealed("effect.started", {
        "effect": key, "attempt": 1, "step": "deliver", "source": "invoice", "slot": "x",
        "system": account.partition(":")[0], "account": account, "verb": verb, "title": "T", "approved": "0" * 64,
        "payload": payload, "payload_digest": "0" * 64, "assigned": assigned, "fill": [], "after": [],
        "authority": authority, "amounts": amounts, "to": None, "undoes": None})  # fmt: skip
    yield on.sealed("effect.done", {"effect": key, "receipt": {"ref": "r", "data": said}})
