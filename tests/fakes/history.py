"""A made-up history, turn by turn: events as the program writes them, in any order that a choice may ask for."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from agentos.events.record import NewEvent

CLIENTS = (None, "acme-studio", "beta-ltd", "gamma-inc")
_COST = {"amount": "0.0021037", "currency": "USD"}


@dataclass
class Story:
    """Tasks go on at any turn; what belongs to none of them yet is begun."""

    tasks: list[tuple[str, str | None]] = field(default_factory=list)
    invoices: list[tuple[str, str | None, str]] = field(default_factory=list)
    count: int = 0

    def turn(self, choice: int, client: str | None, at: datetime) -> list[NewEvent]:
        dice = random.Random(choice)
        if not self.tasks or dice.random() < 0.3:
            self.tasks.append((f"t{len(self.tasks)}", client))
            return self._opened(*self.tasks[-1], at)
        task, client = dice.choice(self.tasks)
        acts = (self._step, self._step, self._call, self._card, self._decided, self._invoice, self._paid, self._credit,
                self._ended, self._parked, self._drift)  # fmt: skip
        return dice.choice(acts)(task, client, at, dice)

    def _on(self, type: str, task: str, client: str | None, data: dict[str, Any], actor: str = "system") -> NewEvent:
        self.count += 1
        return NewEvent(type, f"task/{task}", data, f"k{self.count}", actor, client, task)

    def _opened(self, task: str, client: str | None, at: datetime) -> list[NewEvent]:
        opened = {"task": task, "intent": task, "trigger": "terminal", "rehearsal": False, "by": None, "budget": None}
        plan = {"understanding": {}, "plan": {"workflow": "w", "title": "T", "steps": []}, "estimate": {}}
        return [self._on("task.opened", task, None, opened), self._on("task.planned", task, client, plan)]

    def _step(self, task: str, client: str | None, at: datetime, dice: random.Random) -> list[NewEvent]:
        step, round, attempt = dice.choice(("draft", "edit")), dice.randint(1, 3), dice.randint(1, 3)
        started = {"step": step, "round": round, "attempt": attempt, "agent": f"{step}er", "agent_version": "1",
                   "tier": "small", "now": at.isoformat(), "seed": "0"}  # fmt: skip
        events = [self._on("step.started", task, client, started)]
        if dice.random() < 0.5:
            done = {"step": step, "round": round, "output": {}, "confidence": dice.choice((None, 0.5, 0.9))}
            return [*events, self._on("step.completed", task, client, done)]
        kind, redo = dice.choice((("transient", None), ("semantic", "draft"), ("permanent", None)))
        failed = {"step": step, "round": round, "attempt": attempt, "kind": kind, "code": "x", "reasons": ["y"],
                  "retry_at": (at + timedelta(hours=1)).isoformat() if kind == "transient" else None, "redo": redo,
                  "confidence": None}  # fmt: skip
        return [*events, self._on("step.failed", task, client, failed)]

    def _call(self, task: str, client: str | None, at: datetime, dice: random.Random) -> list[NewEvent]:
        call = f"draft/1/{self.count}"
        cost = _COST if dice.random() < 0.8 else _COST | {"currency": "EUR"}
        common = {"call": call, "step": "draft"}
        called = {**common, "round": 1, "request": "0", "nth": 1, "tier": "small", "model": "m", "answer": {},
                  "tokens_in": 5, "tokens_out": 3, "cost": cost, "latency_ms": 900, "cached": False}  # fmt: skip
        events = [
            self._on("model.reserved", task, None, {**common, "tier": "small", "cost": cost, "tokens": 900}),
            self._on("model.called", task, client, called, "agent:drafter"),
            self._on("model.settled", task, None, {**common, "cost": cost, "tokens": 8, "why": "answered"}),
        ]
        return events[: dice.randint(1, 3)]

    def _card(self, task: str, client: str | None, at: datetime, dice: random.Random) -> list[NewEvent]:
        asked = {"key": f"invoice:main/issue/{task}/invoice", "digest": "0",
                 "amounts": {"gross": {"amount": "119.00", "currency": "EUR"}}}  # fmt: skip
        card = {"card": f"{task}-c{dice.randint(1, 3)}", "kind": "effects", "step": "deliver", "title": "T",
                "effects": [asked] if dice.random() < 0.5 else [], "reasons": [{"code": "policy.asks", "text": "x"}],
                "question": None, "expires_at": None, "body": {"notice": dice.random() < 0.2}}  # fmt: skip
        return [self._on("approval.requested", task, client, card)]

    def _decided(self, task: str, client: str | None, at: datetime, dice: random.Random) -> list[NewEvent]:
        card = f"{task}-c{dice.randint(1, 3)}"
        answers: dict[str, dict[str, Any]] = {
            "granted": {"effects": [], "struck": ["a"], "via": "desk"},
            "denied": {"reason": "no", "via": "terminal"},
            "edited": {"step": "draft", "patch": {}, "via": "terminal"},
            "expired": {},
            "superseded": {"why": "x"},
        }
        how, more = dice.choice(list(answers.items()))
        return [self._on(f"approval.{how}", task, client, {"card": card, **more})]

    def _invoice(self, task: str, client: str | None, at: datetime, dice: random.Random) -> list[NewEvent]:
        key, number = f"invoice:main/issue/{task}/{self.count}", f"2026-{self.count:04}"
        on, due = at.date().isoformat(), (at.date() + timedelta(days=14)).isoformat()
        money = {"net": "100.00", "vat": "19.00", "gross": "119.00"}
        amounts = {name: {"amount": amount, "currency": "EUR"} for name, amount in money.items()}
        entry = {"date": on, "invoice": number, "client": client or "?", **money, "currency": "EUR"}
        events = [self._started(task, client, key, "invoice", "issue", {}, amounts, {"number": number, "date": on})]
        taken = {"series": "invoice", "number": self.count, "text": number, "effect": key}
        events.append(NewEvent("number.assigned", "number/invoice", taken, f"n{self.count}", correlation=task))
        if dice.random() < 0.2:
            return [*events, self._on("effect.in_doubt", task, client, {"effect": key, "attempt": 1, "why": "?"})]
        receipt = {"ref": number, "data": {"number": number, "issued_on": on, "due": due, **money, "currency": "EUR"}}
        events.append(self._on("effect.done", task, client, {"effect": key, "receipt": receipt}))
        self.invoices.append((number, client, key))
        return [
            *events,
            *self._booked(task, client, key.replace("invoice:main/issue", "ledger:main/book"), "book", entry),
        ]

    def _booked(self, task: str, client: str | None, key: str, verb: str, entry: dict[str, Any]) -> list[NewEvent]:
        receipt = {"ref": key, "data": {"key": key, "invoice": entry["invoice"], "date": entry["date"]}}
        return [self._started(task, client, key, "ledger", verb, entry, None, {}),
                self._on("effect.done", task, client, {"effect": key, "receipt": receipt})]  # fmt: skip

    def _paid(self, task: str, client: str | None, at: datetime, dice: random.Random) -> list[NewEvent]:
        if not self.invoices:
            return self._parked(task, client, at, dice)
        number, client, _ = dice.choice(self.invoices)
        entry = {"date": at.date().isoformat(), "invoice": number, "client": client or "?",
                 "amount": dice.choice(("19.00", "119.00")), "currency": "EUR"}  # fmt: skip
        return self._booked(task, client, f"ledger:main/receive/payment/{number}/{self.count}", "receive", entry)

    def _credit(self, task: str, client: str | None, at: datetime, dice: random.Random) -> list[NewEvent]:
        if not self.invoices:
            return self._parked(task, client, at, dice)
        number, client, key = self.invoices.pop(dice.randrange(len(self.invoices)))
        done = {"effect": f"{key}/undo", "receipt": {"ref": "c", "data": {"number": f"C{number}"}}}
        started = self._started(
            task, client, f"{key}/undo", "invoice", "credit", {}, None, {"number": f"C{number}"}, key
        )
        return [started, self._on("effect.done", task, client, done)]

    def _started(
        self, task: str, client: str | None, key: str, system: str, verb: str, payload: dict[str, Any],
        amounts: dict[str, Any] | None, assigned: dict[str, Any], undoes: str | None = None,
    ) -> NewEvent:  # fmt: skip
        data = {"effect": key, "attempt": 1, "step": "deliver", "source": "s", "slot": "x", "system": system,
                "account": f"{system}:main", "verb": verb, "title": "T", "approved": "0", "payload": payload,
                "payload_digest": "0", "assigned": assigned, "fill": [], "after": [], "authority": "policy",
                "amounts": amounts, "to": None, "undoes": undoes}  # fmt: skip
        return self._on("effect.started", task, client, data)

    def _ended(self, task: str, client: str | None, at: datetime, dice: random.Random) -> list[NewEvent]:
        how, data = dice.choice((
            ("completed", {"summary": "s", "actual": {}}), ("failed", {"code": "x", "why": "y"}),
            ("cancelled", {"why": "z"}),
        ))  # fmt: skip
        return [self._on(f"task.{how}", task, client, data)]

    def _parked(self, task: str, client: str | None, at: datetime, dice: random.Random) -> list[NewEvent]:
        if dice.random() < 0.3:
            return [self._on("task.resumed", task, client, {"by": "test"})]
        why = [{"kind": "approval", "on": f"{task}-c1", "until": None, "why": "w"},
               {"kind": "until", "on": "draft", "until": at.isoformat(), "why": "w"}]  # fmt: skip
        return [self._on("task.parked", task, client, {"why": why[: dice.randint(1, 2)]})]

    def _drift(self, task: str, client: str | None, at: datetime, dice: random.Random) -> list[NewEvent]:
        print_ = f"f{dice.randint(1, 3)}"
        detected = {"fingerprint": print_, "system": "site", "kind": "missing", "thing": "x", "ref": "r",
                    "effect": None, "words": "w", "escalated": dice.random() < 0.2}  # fmt: skip
        events = [self._on("drift.detected", task, client, detected)]
        if dice.random() < 0.5:
            events.append(self._on("repair.opened", task, client, {"fingerprint": print_, "task": "r1"}))
            events.append(self._on("drift.closed", task, client, {"fingerprint": print_, "how": "repaired", "why": ""}))
        return events
