"""The world of a what-if: models, tools and outside systems tell what they told then, and nothing is reached."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

from agentos.agent import Manifest
from agentos.clock import FixedClock
from agentos.effects.invoice import build
from agentos.effects.invoice.cii import terms
from agentos.effects.invoice.document import parse
from agentos.effects.port import Absent, Deed, Expected, Found, Observed, Receipt, System, Unknown
from agentos.effects.wrapped import Wrapped
from agentos.errors import InDoubt, Permanent, Transient
from agentos.events.record import Record
from agentos.ids import digest
from agentos.models.errors import ModelAnswerError, ModelPermanent, ModelTransient
from agentos.models.prices import Price
from agentos.models.request import ModelAnswer, ModelEstimate, ModelRequest, Usage
from agentos.money import Money
from agentos.tasks.calls import LiveCaller, call_key
from agentos.tasks.plan import Step
from agentos.tasks.run import TaskRun
from agentos.tasks.state import StepState
from graphs.whatif.tape import Tape, Try

UNKNOWN = "whatif.unknown"
"""The record does not say what would have been answered: so nobody knows, and the task's outcome is unknown."""


def unknown(what: str) -> Permanent:
    return Permanent(f"{what} was not asked then, so nobody knows the answer.", code=UNKNOWN)


class WhatIfRun(TaskRun):
    """A TaskRun whose answers come from a tape. Steps begin with the time and the tier of then."""

    def __init__(self, platform: Any, task: str, lease: Any, tape: Tape) -> None:
        super().__init__(platform, task, lease)
        self.tape = tape
        self._begun_at: datetime | None = None

    def caller(self, step: str, round: int, manifest: Manifest) -> LiveCaller:
        return TapedCaller(self, step, round, manifest)

    def now(self) -> datetime:
        return self._begun_at or super().now()

    def begin(self, step: Step, tier: str) -> StepState:
        state = self.state.step(step.id)
        known = self.tape.by_key.get(f"step.started/{self.task}/{step.id}/{state.round}/{state.attempt + 1}")
        if known is not None:
            self._begun_at, tier = datetime.fromisoformat(known.data["now"]), known.data["tier"]
        try:
            return super().begin(step, tier)
        finally:
            self._begun_at = None

    async def off_loop(self, call: Any, *arguments: Any) -> Any:
        return call(*arguments)


class TapedCaller(LiveCaller):
    """Model calls are decided, reserved and recorded as live ones are; tools answer from the tape."""

    _run: WhatIfRun

    async def tool(self, capability: str, arguments: dict[str, Any], request: str, nth: int) -> Any:
        tape, run = self._run.tape, self._run
        key = call_key(run.task, self._step, self._round, request, nth)
        self._ask_again(key)
        record = tape.tool(key, request)
        if record is None:
            raise unknown(f"The tool {capability}")
        return tape.answer(record)

    def _on_record(self, key: str) -> Record | None:
        return self._run.tape.by_key.get(key)


@dataclass(frozen=True)
class TapedModels:
    """Implements `ModelPort` for one task. `prices`: by tier, in place of what was paid then."""

    tape: Tape
    clock: FixedClock
    prices: Mapping[str, Price]

    def available(self, tier: str, *, confidential: bool = False) -> bool:
        return any(record.data["tier"] == tier for record in self.tape.of("step.started"))

    def is_local(self, tier: str, *, confidential: bool = False) -> bool:
        return tier == "local"

    def estimate(self, request: ModelRequest) -> ModelEstimate:
        """What was reserved then; at other prices, the same share above what the call came to."""
        found = self._next(request)
        reserved = _money(found.reserved.data["cost"])
        price, called = self.prices.get(request.tier), found.called
        if price is not None:
            tokens = found.reserved.data["tokens"]
            now = price(_usage(called)) if called is not None else price(Usage(input_tokens=tokens))
            then = _money(called.data["cost"]) if called is not None else Money.of(0, "USD")
            reserved = now.times(reserved.amount / then.amount) if then.amount else now
        return ModelEstimate(
            input_tokens=found.reserved.data["tokens"], output_tokens=0, cost=reserved, models=("as recorded",)
        )

    async def call(self, request: ModelRequest) -> ModelAnswer:
        found = self._next(request)
        self.tape.take(found)
        told = found.called or found.failed
        if told is not None:
            self.clock.at = max(self.clock.at, told.at)
        if found.called is None:
            raise self._failure(found, request.tier)
        data, content = found.called.data, self.tape.answer(found.called) or {}
        price = self.prices.get(request.tier)
        cost = price(_usage(found.called)) if price is not None and not data["cached"] else _money(data["cost"])
        return ModelAnswer(
            text=content.get("text", ""), parsed=content.get("parsed"), model=data["model"], endpoint="the record",
            usage=_usage(found.called), cost=cost, latency_ms=data["latency_ms"], cached=data["cached"],
        )  # fmt: skip

    def _next(self, request: ModelRequest) -> Try:
        found = self.tape.next_try(request.digest())
        if found is None:
            raise unknown(f"A model of tier {request.tier}")
        return found

    def _failure(self, found: Try, tier: str) -> Exception:
        """As it was raised then. What a failed call cost is known only at the prices of then."""
        data: Mapping[str, Any] = found.failed.data if found.failed is not None else _LOST
        settled = found.settled.data if found.settled is not None else found.reserved.data
        text, code = "; ".join(data["reasons"]) or "No model answered.", data["code"]
        cost, usage = _money(settled["cost"]), Usage(input_tokens=settled["tokens"])
        if data["kind"] == "permanent":
            return ModelPermanent(text, code=code, usage=usage, cost=cost)
        if data["kind"] == "semantic":
            return ModelAnswerError(
                text, code=code, reasons=tuple(data["reasons"]), model="as recorded", endpoint="the record",
                usage=usage, cost=cost, attempts=1,
            )  # fmt: skip
        return ModelTransient(text, code=code, sent=settled.get("why") == "lost", usage=usage, cost=cost)


_LOST: Mapping[str, Any] = MappingProxyType({"reasons": [], "code": "model.lost", "kind": ""})


def _usage(record: Any) -> Usage:
    return Usage(input_tokens=record.data["tokens_in"], output_tokens=record.data["tokens_out"])


def _money(cost: Mapping[str, str] | None) -> Money:
    return Money.model_validate(cost) if cost is not None else Money.of(0, "USD")


class TapedSystem(Wrapped):
    """Declares what the real one declares, acts by telling what came of it then, and is taken to succeed in what was
    not done then."""

    def __init__(self, system: System, tape: Tape, clock: FixedClock) -> None:
        super().__init__(system)
        self._tape, self._clock = tape, clock

    def do(self, verb: str, payload: dict[str, Any], key: str) -> Receipt:
        end = self._tape.end_of(key)
        if end is None:
            return supposed(self.name, verb, payload, key)
        self._clock.at = max(self._clock.at, end.at)
        if end.type in ("effect.done", "effect.found"):
            return Receipt.model_validate(end.data["receipt"])
        why = str(end.data["why"])
        if end.type == "effect.in_doubt":
            raise InDoubt(why)
        if end.data["kind"] == "transient":
            raise Transient(why, code=end.data["code"])
        raise Permanent(why, code=end.data["code"])

    def find(self, verb: str, payload: dict[str, Any], key: str) -> Found | Absent | Unknown:
        end = self._tape.end_of(key)
        if end is not None and end.type == "effect.found":
            return Found(Receipt.model_validate(end.data["receipt"]))
        return Unknown(str(end.data.get("why", "")) if end is not None else "the record does not say")

    def observe(self) -> Iterable[Observed]:
        return ()

    def expects(self, deed: Deed) -> Expected | None:
        """Nothing: what is not looked at can't differ."""
        return None


def supposed(system: str, verb: str, payload: dict[str, Any], key: str) -> Receipt:
    """A receipt for what was not done in truth, with what later effects of the task read from it."""
    if (system, verb) != ("invoice", "issue"):
        return Receipt(ref=f"what-if-{digest(key.encode())[:8]}", data={"key": key, "supposed": True})
    document = build(parse(payload))
    draft, amounts = document.draft, document.amounts
    data = {
        "number": draft.number, "issued_on": draft.issued_on.isoformat(), "due": document.due.isoformat(),
        "terms": terms(document), "file": f"{draft.number}.pdf", "pdf": f"books/invoices/{draft.number}.pdf",
        "pdf_digest": digest(key.encode()), "gross": str(amounts.gross.amount), "currency": draft.currency,
        "client": draft.client, "key": key, "supposed": True,
    }  # fmt: skip
    return Receipt(ref=draft.number, data=data)
