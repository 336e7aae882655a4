"""A typed row from an event: its envelope, and of its payload the ids, codes, counts, dates and amounts that a view
reads. No free text: goals, titles, names and sentences stay in the log.

A function for each type of event gives the values of the columns that it fills, as `agentos.views.rows` takes them:
times in microseconds since 1970, amounts and dates as text, lists as JSON. An event of another type, and one whose
payload is forgotten, fills none: it reads as its envelope only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import Any

import orjson
import polars as pl

from agentos.clock import micros
from agentos.ids import digest

Json = dict[str, Any]

MONEY = pl.Decimal(38, 12)
"""An amount in the currency beside it. Twelve digits hold what one token costs as exactly as what an invoice does."""
TIME = pl.Datetime("us", "UTC")
SEQS = pl.List(pl.UInt64)
PARKED = pl.List(pl.Struct({"kind": pl.String, "on": pl.String, "until": TIME}))
ASKED = pl.List(pl.Struct({"effect": pl.String, "gross": pl.String, "currency": pl.String}))

ENVELOPE: Mapping[str, Any] = {
    "seq": pl.UInt64, "at": TIME, "type": pl.String, "task": pl.String, "client": pl.String, "by_agent": pl.String,
}  # fmt: skip
FIELDS: Mapping[str, Any] = {
    # tasks
    "trigger": pl.String, "rehearsal": pl.Boolean, "by": TIME, "workflow": pl.String, "parked": PARKED,
    # steps
    "step": pl.String, "round": pl.UInt32, "attempt": pl.UInt32, "agent": pl.String, "agent_version": pl.String,
    "tier": pl.String, "confidence": pl.Float64, "outcome": pl.String, "code": pl.String, "retry_at": TIME,
    # models
    "call": pl.String, "model": pl.String, "tokens": pl.Int64, "tokens_in": pl.Int64, "tokens_out": pl.Int64,
    "reserved": MONEY, "cost": MONEY, "latency_ms": pl.Int64, "cached": pl.Boolean, "lost": pl.Boolean,
    # approvals
    "card": pl.String, "via": pl.String, "kind": pl.String, "asks": pl.UInt32, "reasons": pl.List(pl.String),
    "asked": ASKED, "struck": pl.UInt32, "expires_at": TIME,
    # effects, numbers
    "effect": pl.String, "system": pl.String, "account": pl.String, "verb": pl.String, "authority": pl.String,
    "undoes": pl.String, "entry": pl.String, "net": MONEY, "vat": MONEY, "gross": MONEY, "currency": pl.String,
    "number": pl.String, "on": pl.Date, "due": pl.Date, "series": pl.String, "serial": pl.UInt64,
    # drifts
    "fingerprint": pl.String, "how": pl.String, "escalated": pl.UInt32, "repair": pl.String,
}  # fmt: skip
SCHEMA: Mapping[str, Any] = {**ENVELOPE, **FIELDS}


def _opened(data: Json) -> tuple[Any, ...]:
    return data["trigger"], data["rehearsal"], time_of(data.get("by"))


def _parked(data: Json) -> tuple[Any, ...]:
    why = data["why"]
    return (_json([{"kind": one["kind"], "on": one.get("on"), "until": time_of(one.get("until"))} for one in why]),)


def _nothing_parked(data: Json) -> tuple[Any, ...]:
    return ("[]",)


def _planned(data: Json) -> tuple[Any, ...]:
    return data["plan"].get("workflow"), "[]"


def _failed_task(data: Json) -> tuple[Any, ...]:
    return data["code"], "[]"


def _step_started(data: Json) -> tuple[Any, ...]:
    return (
        data["step"], data["round"], data["attempt"], data["agent"], data["agent_version"], data["tier"], "started",
    )  # fmt: skip


def _step_completed(data: Json) -> tuple[Any, ...]:
    return data["step"], data["round"], "completed", data.get("confidence")


def _step_failed(data: Json) -> tuple[Any, ...]:
    outcome = "waiting" if data["kind"] == "transient" else "sent_back" if data.get("redo") else "failed"
    return (
        data["step"], data["round"], data["attempt"], outcome, data["code"], time_of(data.get("retry_at")),
        data.get("confidence"),
    )  # fmt: skip


def _reserved(data: Json) -> tuple[Any, ...]:
    return data["call"], data["step"], data["tier"], *_cost(data["cost"])


def _called(data: Json) -> tuple[Any, ...]:
    return (
        data["call"], data["step"], data["tier"], data["model"], data["tokens_in"], data["tokens_out"],
        data["latency_ms"], data["cached"], (data["cost"] or {}).get("currency"),
    )  # fmt: skip


def _settled(data: Json) -> tuple[Any, ...]:
    return data["call"], data["step"], data["tokens"], data.get("why", "answered") != "answered", *_cost(data["cost"])


def _requested(data: Json) -> tuple[Any, ...]:
    codes = list(dict.fromkeys(str(reason["code"]) for reason in data.get("reasons", []) if "code" in reason))
    asked = [_asked(effect) for effect in data.get("effects", [])]
    notice = bool((data.get("body") or {}).get("notice"))
    return (
        data["card"],
        data["step"],
        data["kind"],
        int(not notice),
        _json(codes),
        _json(asked),
        time_of(data.get("expires_at")),
    )


def _asked(effect: Json) -> Json:
    gross = (effect.get("amounts") or {}).get("gross") or {}
    return {"effect": effect["key"], "gross": gross.get("amount"), "currency": gross.get("currency")}


def _granted(data: Json) -> tuple[Any, ...]:
    return data["card"], data["via"], len(data.get("struck", []))


def _answered(data: Json) -> tuple[Any, ...]:
    return data["card"], data["via"]


def _edited(data: Json) -> tuple[Any, ...]:
    return data["card"], data["step"], data["via"]


def _card(data: Json) -> tuple[Any, ...]:
    return (data["card"],)


def _effect_started(data: Json) -> tuple[Any, ...]:
    return (
        data["effect"], data["attempt"], data["step"], data["system"], data["account"], data["verb"],
        data["authority"], data["undoes"], "started", *_what(data),
    )  # fmt: skip


def _what(data: Json) -> tuple[Any, ...]:
    """(entry, net, vat, gross, currency, number, on): what it is about, in money. Of a ledger entry its payload says
    it; of what else has amounts, its `amounts`."""
    payload, assigned = data["payload"] or {}, data["assigned"] or {}
    if data["system"] != "ledger":
        amounts = data["amounts"] or {}
        gross = amounts.get("gross") or {}
        net, vat = ((amounts.get(name) or {}).get("amount") for name in ("net", "vat"))
        return None, net, vat, gross.get("amount"), gross.get("currency"), assigned.get("number"), None
    entry = payload.get("entry") if data["verb"] == "reverse" else payload
    entry = entry if isinstance(entry, dict) else {}
    kind = "receive" if "amount" in entry else "book"
    number, on = entry.get("invoice"), entry.get("date") if data["verb"] != "reverse" else None
    return (
        kind, _amount(entry.get("net")), _amount(entry.get("vat")), _amount(entry.get("gross", entry.get("amount"))),
        _text(entry.get("currency")), assigned.get("number") or _text(number), _text(assigned.get("date") or on),
    )  # fmt: skip


def _effect_done(data: Json) -> tuple[Any, ...]:
    """A receipt may hold anything, since the operator's word may stand for one: only what reads as it should counts."""
    said = data["receipt"].get("data") or {}
    number, on = said.get("number", said.get("invoice")), said.get("issued_on", said.get("date"))
    return (
        data["effect"], "done", _text(number), _text(on), _text(said.get("due")),
        *(_amount(said.get(name)) for name in ("net", "vat", "gross")), _text(said.get("currency")),
    )  # fmt: skip


def _effect_failed(data: Json) -> tuple[Any, ...]:
    outcome = "waiting" if data["kind"] == "transient" else "failed"
    return data["effect"], data["attempt"], outcome, data["code"], time_of(data.get("retry_at"))


def _in_doubt(data: Json) -> tuple[Any, ...]:
    return data["effect"], data["attempt"], "in_doubt"


def _assigned(data: Json) -> tuple[Any, ...]:
    return data["series"], data["number"], data["text"], data["effect"]


def _voided(data: Json) -> tuple[Any, ...]:
    return data["series"], data["number"], data["text"]


def _detected(data: Json) -> tuple[Any, ...]:
    return data["fingerprint"], data["system"], data["kind"], data.get("effect"), int(data.get("escalated", False))


def _drift_closed(data: Json) -> tuple[Any, ...]:
    return data["fingerprint"], data["how"]


def _repair_opened(data: Json) -> tuple[Any, ...]:
    return data["fingerprint"], data["task"]


def _repair_closed(data: Json) -> tuple[Any, ...]:
    return data["fingerprint"], data["task"], data["how"]


def time_of(value: str | None) -> int | None:
    return micros(datetime.fromisoformat(value)) if value else None


def _json(value: list[Any]) -> str:
    return orjson.dumps(value).decode()


def _cost(cost: Json | None) -> tuple[str | None, str | None]:
    return (cost["amount"], cost["currency"]) if cost else (None, None)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value and "⟦" not in value else None


def _amount(value: Any) -> str | None:
    try:
        return str(value) if value is not None and Decimal(str(value)).is_finite() else None
    except InvalidOperation:
        return None


READS: Mapping[str, tuple[tuple[str, ...], Callable[[Json], tuple[Any, ...]]]] = {
    "task.opened": (("trigger", "rehearsal", "by"), _opened),
    "task.planned": (("workflow", "parked"), _planned),
    "task.parked": (("parked",), _parked),
    "task.resumed": (("parked",), _nothing_parked),
    "task.completed": (("parked",), _nothing_parked),
    "task.failed": (("code", "parked"), _failed_task),
    "task.cancelled": (("parked",), _nothing_parked),
    "step.started": (("step", "round", "attempt", "agent", "agent_version", "tier", "outcome"), _step_started),
    "step.completed": (("step", "round", "outcome", "confidence"), _step_completed),
    "step.failed": (("step", "round", "attempt", "outcome", "code", "retry_at", "confidence"), _step_failed),
    "model.reserved": (("call", "step", "tier", "reserved", "currency"), _reserved),
    "model.called": (
        ("call", "step", "tier", "model", "tokens_in", "tokens_out", "latency_ms", "cached", "currency"), _called,
    ),
    "model.settled": (("call", "step", "tokens", "lost", "cost", "currency"), _settled),
    "approval.requested": (("card", "step", "kind", "asks", "reasons", "asked", "expires_at"), _requested),
    "approval.granted": (("card", "via", "struck"), _granted),
    "approval.denied": (("card", "via"), _answered),
    "approval.answered": (("card", "via"), _answered),
    "approval.edited": (("card", "step", "via"), _edited),
    "approval.expired": (("card",), _card),
    "approval.superseded": (("card",), _card),
    "approval.withdrawn": (("card",), _card),
    "effect.started": (
        (
            "effect", "attempt", "step", "system", "account", "verb", "authority", "undoes", "outcome", "entry",
            "net", "vat", "gross", "currency", "number", "on",
        ),
        _effect_started,
    ),
    "effect.done": (("effect", "outcome", "number", "on", "due", "net", "vat", "gross", "currency"), _effect_done),
    "effect.found": (("effect", "outcome", "number", "on", "due", "net", "vat", "gross", "currency"), _effect_done),
    "effect.failed": (("effect", "attempt", "outcome", "code", "retry_at"), _effect_failed),
    "effect.in_doubt": (("effect", "attempt", "outcome"), _in_doubt),
    "number.assigned": (("series", "serial", "number", "effect"), _assigned),
    "number.voided": (("series", "serial", "number"), _voided),
    "drift.detected": (("fingerprint", "system", "kind", "effect", "escalated"), _detected),
    "drift.closed": (("fingerprint", "how"), _drift_closed),
    "repair.opened": (("fingerprint", "repair"), _repair_opened),
    "repair.closed": (("fingerprint", "repair", "how"), _repair_closed),
}  # fmt: skip


@cache
def numbered() -> pl.Enum:
    """The type of an event as a number, for whoever compares it often; null for one that no view reads. Made when first
    asked for: whoever imports this may fork."""
    return pl.Enum(list(READS))


VERSION = 4
"""Raise it when the same event comes to fill its columns with something else: sealed days are then made again."""
FINGERPRINT = digest(
    repr((VERSION, sorted((name, str(dtype)) for name, dtype in SCHEMA.items()),
          sorted((type, reads[0]) for type, reads in READS.items()))).encode()
)[:16]  # fmt: skip
