"""A typed row from an event: its envelope, and of its payload the ids, codes, counts, dates and amounts that a view
reads. No free text: goals, titles, names and sentences stay in the log.

A function for each type of event says which columns it fills. An event of another type, and one whose payload is
forgotten, fills none: it reads as its envelope only.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import Any

import orjson
import polars as pl

from agentos.clock import micros
from agentos.events.record import Record
from agentos.ids import digest

Json = dict[str, Any]
Opener = Callable[[str, str | None], Json | None]
"""A value that lies in a blob, by digest and client; None where it can't be read."""

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
_RAW: Mapping[str, Any] = dict.fromkeys(("at", "by", "retry_at", "expires_at"), pl.Int64)
"""Columns with times, which are handed over as microseconds since 1970."""
_NESTED: Mapping[str, Any] = {
    "parked": pl.List(pl.Struct({"kind": pl.String, "on": pl.String, "until": pl.Int64})),
    "reasons": pl.List(pl.String), "asked": ASKED,
}  # fmt: skip
"""Columns that are handed over as JSON text: Polars makes lists of structs of it a hundred times quicker than of lists
of dicts. The times in them are microseconds too."""
_TEXT = {*_NESTED, "reserved", "cost", "net", "vat", "gross", "on", "due"}
"""Columns that are handed over as text and read by Polars, all at once."""


class Rows:
    """Typed rows as they are gathered, by type of event; "" is for those that fill nothing.

    `open_blob` is asked for a ledger entry that was too large for its event.
    """

    def __init__(self, open_blob: Opener | None = None) -> None:
        self._open_blob = open_blob
        self._rows: dict[str, list[tuple[Any, ...]]] = {}
        self.count = 0

    def add(self, record: Record, *, bare: bool = False) -> None:
        """`bare`: the envelope only, without opening the payload."""
        task = record.stream[5:] if record.stream.startswith("task/") else record.correlation
        agent = record.actor[6:] if record.actor.startswith("agent:") else None
        row = (record.seq, record.at_micros, record.type, task, record.subject, agent)
        filled = None if bare or record.type not in READS or record.forgotten else self._filled(record)
        self._rows.setdefault(record.type if filled else "", []).append(row + (filled or ()))
        self.count += 1

    def frames(self, columns: Collection[str] = SCHEMA) -> dict[str, pl.DataFrame]:
        """One for each type, with those of `columns` that it fills."""
        return {type: _typed(_raw((*ENVELOPE, *_fields(type)), rows, columns)) for type, rows in self._rows.items()}

    def packed(self) -> bytes:
        """What the events fill, without their envelopes: for each type a row an event as CSV, which Polars reads
        quicker than any other format when the rows of many blocks come together."""
        texts = {
            type: _raw(("seq", *_fields(type)), [(row[0], *row[len(ENVELOPE) :]) for row in rows]).write_csv(
                include_header=False
            )
            for type, rows in self._rows.items()
            if type
        }
        return orjson.dumps(texts)

    def _filled(self, record: Record) -> tuple[Any, ...] | None:
        """None for a payload of another shape than this program knows: a newer one wrote it."""
        try:
            return READS[record.type][1](self._opened(record))
        except (KeyError, TypeError, AttributeError, ValueError):
            return None

    def _opened(self, record: Record) -> Json:
        data = record.data
        if record.type == "effect.started" and data["system"] == "ledger" and "$blob" in (data["payload"] or {}):
            opened = self._open_blob(data["payload"]["$blob"], record.subject) if self._open_blob else None
            return data | {"payload": opened or {}}
        return data


class Packed:
    """What was packed, brought together from many blocks: of each type, seq and those of `columns` that it fills."""

    def __init__(self, columns: Collection[str], blocks: Iterable[bytes]) -> None:
        texts: dict[str, list[str]] = {}
        for block in blocks:
            for type, text in orjson.loads(block).items():
                texts.setdefault(type, []).append(text)
        self._frames = {type: _read(type, some, columns) for type, some in texts.items()}

    def fill(self, rows: pl.DataFrame, types: Collection[str] | None = None) -> pl.DataFrame:
        """All rows of these types, in the order of seq, with what is known of them as well."""
        pieces = [frame for type, frame in self._frames.items() if types is None or type in types]
        places = [rows["seq"].search_sorted(piece["seq"]) for piece in pieces]
        alike: dict[tuple[int, ...], list[str]] = {}
        for name in rows.columns:
            having = tuple(n for n, piece in enumerate(pieces) if name in piece.columns and name not in ENVELOPE)
            alike.setdefault(having, []).append(name)
        alike.pop((), None)
        filled = [_filled(rows.select(names), [pieces[n] for n in having], [places[n] for n in having])
                  for having, names in alike.items()]  # fmt: skip
        return rows.with_columns(column for frame in filled for column in frame)


def _filled(columns: pl.DataFrame, pieces: list[pl.DataFrame], places: list[pl.Series]) -> pl.DataFrame:
    """With the values that the pieces have of these columns, at their places."""
    values = pl.concat([columns, *(piece.select(columns.columns) for piece in pieces)], rechunk=True)
    which = pl.int_range(values.height, dtype=pl.UInt32, eager=True)
    order = which.head(columns.height).scatter(pl.concat(places), which.slice(columns.height))
    return values[order]


def together(
    frames: Mapping[str, pl.DataFrame], columns: Collection[str] = SCHEMA, types: Collection[str] | None = None
) -> pl.DataFrame:
    """The rows of these types in the order of seq, with those of `columns` that are not empty."""
    read = {*columns, "type"}
    some = [frame for type, frame in frames.items() if not type or types is None or type in types]
    if not some:
        return pl.DataFrame(schema={name: dtype for name, dtype in ENVELOPE.items() if name in columns})
    rows = pl.concat([frame.select(name for name in frame.columns if name in read) for frame in some], how="diagonal")
    return rows.filter(of_types(types)).select(name for name in rows.columns if name in columns).sort("seq")


def of_types(types: Collection[str] | None) -> pl.Expr:
    return pl.lit(True) if types is None else pl.col("type").is_in(list(types))


def conformed(frame: pl.DataFrame, columns: Iterable[str]) -> pl.DataFrame:
    """Just these columns; one that the frame lacks is null throughout."""
    return frame.select(pl.col(n) if n in frame.columns else pl.lit(None, SCHEMA[n]).alias(n) for n in columns)


def _fields(type: str) -> tuple[str, ...]:
    return READS[type][0] if type else ()


def _schema(names: Iterable[str]) -> dict[str, Any]:
    """As columns are handed over."""
    return {name: pl.String if name in _TEXT else _RAW.get(name, SCHEMA[name]) for name in names}


def _raw(names: Sequence[str], rows: list[tuple[Any, ...]], columns: Collection[str] = SCHEMA) -> pl.DataFrame:
    cells = zip(_schema(names).items(), zip(*rows, strict=True), strict=True)
    return pl.DataFrame([pl.Series(name, values, dtype) for (name, dtype), values in cells if name in columns])


def _read(type: str, texts: list[str], columns: Collection[str]) -> pl.DataFrame:
    """The rows of `packed()`."""
    names = ("seq", *_fields(type))
    wanted = [n for n, name in enumerate(names) if name == "seq" or name in columns]
    data = "".join(texts).encode()
    return _typed(pl.read_csv(data, has_header=False, schema=_schema(names), columns=wanted)).rechunk()


def _typed(raw: pl.DataFrame) -> pl.DataFrame:
    return raw.with_columns(_cast(name) for name in raw.columns if name in _TEXT or name in _RAW)


def _cast(name: str) -> pl.Expr:
    value, dtype = pl.col(name), SCHEMA[name]
    if name in _NESTED:
        return value.str.json_decode(_NESTED[name]).cast(dtype)
    if dtype == pl.Date:
        return value.str.to_date("%Y-%m-%d", strict=False)
    return value.cast(dtype, strict=False)


# -- what each type fills, as (columns, function from the payload to their values)


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
