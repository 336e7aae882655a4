"""A task as a person reads it: how it ended, what came of it, what it waits for, and its timeline."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any

from agentos.events.record import Record
from agentos.ids import short
from agentos.tasks.state import EffectState, TaskState
from desk.render.style import (
    bad,
    bold,
    columns,
    costs,
    counted,
    cut,
    dim,
    good,
    line,
    moment,
    money,
    span,
    warn,
    wrapped,
)

Json = dict[str, Any]


def ending_lines(state: TaskState, width: int) -> list[str]:
    word = {"completed": good("Done"), "failed": bad("Failed"), "cancelled": dim("Cancelled")}[state.status]
    if state.status == "completed":
        return [f"{word}: {line((state.plan or {}).get('title') or state.summary)}"]
    lines = [f"{word}: {text.strip()}" if i == 0 else text for i, text in enumerate(wrapped(state.summary, width))]
    for effect in state.effects.values():
        if effect.is_done and not effect.data.get("undoes"):
            lines.append(f"  {'taken back' if effect.undone_by else 'stands'}: {line(effect.data['title'])}")
    if state.status == "failed":
        seen = "".join(f"    agentos answer {short(card.id)} seen" for card in state.open_cards())
        lines.append(dim(f"  agentos show {short(state.id)}    agentos again {short(state.id)}{seen}"))
    return lines


def outcome_lines(state: TaskState, root: Path, width: int) -> list[str]:
    """What stands outside now, each with where to find it."""
    if state.rehearsal:
        return ["A rehearsal: nothing was done outside."]
    lines = []
    for effect in sorted(state.effects.values(), key=lambda one: one.seq):
        lines += [f"  {mark_of(effect)} {cut(effect.data['title'], width - 4)}"]
        lines += [f"      {text}" for text in receipt_lines(effect.receipt, root)]
    spent = [{"amount": str(amount), "currency": currency} for currency, amount in state.spent.items()]
    ways = [f"agentos show {short(state.id)}"]
    if lines and state.trigger != "undo":
        ways.append(f"agentos undo {short(state.id)}")
    lines.append(dim("  " + "  ·  ".join([f"cost: {costs(spent)}", *ways])))
    return lines


def mark_of(effect: EffectState) -> str:
    if effect.undone_by:
        return warn("↶")
    marks = {"done": good("✓"), "failed": bad("✗"), "in_doubt": warn("?"), "waiting": warn("…")}
    return marks.get(effect.status, dim("→"))


def receipt_lines(receipt: Json | None, root: Path) -> list[str]:
    """Where to find it: addresses, files below the workspace, numbers."""
    if receipt is None:
        return []
    data = receipt["data"]
    lines = [line(data["url"])] if data.get("url") else []
    if data.get("number"):
        amounts = f"{data.get('number')}"
        if data.get("net") and data.get("currency"):
            net, vat, gross = (
                money({"amount": data[k], "currency": data["currency"]}) for k in ("net", "vat", "gross")
            )
            amounts += f": net {net} + VAT {vat} = {gross}"
        lines.append(line(amounts))
    for place in file_places(data):
        if (root / place).exists():
            lines.append(line(root / place))
    return lines or [line(receipt["ref"])]


def file_places(data: Json) -> Iterable[str]:
    """Paths below the workspace that a receipt names."""
    if data.get("page"):
        yield f"site/{data['page']}"
    if data.get("pdf"):
        yield str(data["pdf"])
    file = data.get("file")
    if file and not data.get("pdf"):
        yield str(file) if "/" in str(file) else f"outbox/{file}"


def waiting_lines(state: TaskState, zone: tzinfo, now: datetime) -> list[str]:
    """What a task that is not closed waits for, and by what it goes on."""
    if state.status != "parked":
        return [dim(f"Goes on with `agentos resume {short(state.id)}`, or by itself under `agentos up`.")]
    lines = []
    # Several steps may wait for the same hour, and for the same reason.
    for hour, why in dict.fromkeys((one["until"], one.get("why") or "") for one in state.parked if one.get("until")):
        until = datetime.fromisoformat(hour)
        lines.append(f"Waits until {moment(until, zone, now)} ({span(until - now)}): {line(why)}")
    if lines:
        lines.append(dim(f"It goes on by itself under `agentos up`, or then with `agentos resume {short(state.id)}`."))
    return lines


# -- the timeline


def task_lines(
    state: TaskState, records: list[Record], goal: str, root: Path, zone: tzinfo, now: datetime, width: int
) -> list[str]:
    lines = [f"Task {bold(short(state.id))}  ·  {_word(state)}", *wrapped(goal, width, "  ")]
    if state.summary and state.status != "completed":
        lines += wrapped(state.summary, width, "  ")
    lines += ["", bold("Timeline"), *timeline_lines(records, zone, width)]
    if state.effects:
        lines += ["", bold("Effects")]
        for effect in sorted(state.effects.values(), key=lambda one: one.seq):
            lines += _effect_lines(effect, root, width)
    return [*lines, "", *_accounts(state, records), *waiting_lines_of(state, zone, now)]


def _word(state: TaskState) -> str:
    words = {"completed": good("done"), "failed": bad("failed"), "cancelled": "cancelled", "parked": warn("parked")}
    return words.get(state.status, state.status) + ("  ·  rehearsal" if state.rehearsal else "")


def waiting_lines_of(state: TaskState, zone: tzinfo, now: datetime) -> list[str]:
    cards = [dim(f"  agentos show {short(card.id)}   {cut(card.title, 50)}") for card in state.open_cards()]
    return ["", *cards, *waiting_lines(state, zone, now)] if not state.closed else []


def timeline_lines(records: list[Record], zone: tzinfo, width: int) -> list[str]:
    """One row for everything a person would tell of it: when, what, how long, with how many calls."""
    days = {record.at.astimezone(zone).date() for record in records}
    clock = "%H:%M:%S" if len(days) == 1 else "%d %b %H:%M:%S"
    told = _Telling(max(width - 26 - 7 * (len(days) > 1), 20), _finished(records))
    rows = []
    for record in records:
        row = [dim("(forgotten)"), ""] if record.forgotten else told.row(record)
        if row is not None:
            rows.append([f"  {dim(f'{record.at.astimezone(zone):{clock}}')}", *row])
    return columns(rows)


def _finished(records: list[Record]) -> set[str]:
    """Keys of the effects that have a receipt: their start needs no row of its own."""
    ends = ("effect.done", "effect.found")
    return {record.data["effect"] for record in records if record.type in ends and not record.forgotten}


class _Telling:
    """Keeps what the row of a step's or effect's end needs from its beginning."""

    def __init__(self, width: int, finished: set[str]) -> None:
        self._width = width
        self._finished = finished
        self._began = dict[str, datetime]()
        self._calls = dict[str, list[Json]]()
        self._titles = dict[str, str]()

    def row(self, record: Record) -> list[str] | None:
        """[name, text], or None for what needs no row."""
        data = record.data
        if record.type in ("step.started", "tool.called", "model.called"):
            self._note(record, data)
            return None
        if record.type == "step.completed":
            began = self._began.get(data["step"])  # absent for effects: that time is the operator's, not the step's
            took = None if began is None else (record.at - began).total_seconds()
            work = _work(took, self._calls.pop(data["step"], []), data["confidence"])
            return [line(data["step"]), "; ".join([work, *map(line, data.get("notes") or ())])]
        if record.type == "step.failed":
            what = {"transient": "put off", "semantic": "sent back"}.get(data["kind"], "failed")
            return [line(data["step"]), cut(f"{what}: {'; '.join(data['reasons']) or data['code']}", self._width)]
        if record.type == "effect.started":
            self._titles[data["effect"]] = data["title"]
            if data["effect"] in self._finished:
                return None
        name, text = _TOLD.get(record.type, _nothing)(data)
        if record.type in ("effect.done", "effect.found"):
            text = self._titles.get(data["effect"], data["effect"])
        return [name, cut(text, self._width)] if name else None

    def _note(self, record: Record, data: Json) -> None:
        if record.type != "step.started":
            self._calls.setdefault(data["step"], []).append(data)
        elif data["agent"] != "coordinator":
            self._began[data["step"]] = record.at


def _nothing(data: Json) -> tuple[str, str]:
    return "", ""


def _parked(data: Json) -> tuple[str, str]:
    """Cards have said themselves that they wait."""
    why = [str(one.get("why") or "") for one in data["why"] if one.get("until")]
    return ("waited", "; ".join(dict.fromkeys(why))) if why else ("", "")


def _work(seconds: float | None, calls: list[Json], confidence: float | None) -> str:
    models = [call for call in calls if "model" in call]
    parts = [f"{seconds:.1f} s"] if seconds is not None else []
    if len(calls) > len(models):
        parts.append(counted(len(calls) - len(models), "look-up"))
    if models:
        tokens = sum(call["tokens_in"] + call["tokens_out"] for call in models)
        paid = [call["cost"] for call in models if call["cost"]]
        parts.append(
            f"{counted(len(models), 'model call')} ({line(models[-1]['model'])}), {tokens} tokens, {costs(paid)}"
        )
    if confidence is not None and confidence < 1:
        parts.append(f"{confidence:.0%} sure")
    return ", ".join(parts)


def _without(struck: list[str]) -> str:
    """Slots stand last in their keys."""
    return f", without {', '.join(key.rpartition('/')[2] for key in struck)}" if struck else ""


_TOLD: dict[str, Any] = {
    "task.opened": lambda d: ("opened", d["trigger"] + (", rehearsal" if d["rehearsal"] else "")),
    "task.planned": lambda d: ("plan", f"{d['plan']['workflow']}: " + ", ".join(s["id"] for s in d["plan"]["steps"])),
    "task.parked": _parked,
    "task.completed": lambda d: ("done", ""),
    "task.failed": lambda d: ("failed", d["why"]),
    "task.cancelled": lambda d: ("cancelled", d["why"]),
    "approval.requested": lambda d: ("asked", f"{short(d['card'])}: {d['title']}"),
    "approval.granted": lambda d: (
        "approved",
        d["via"] + (f", without {', '.join(d['struck'])}" if d["struck"] else ""),
    ),
    "approval.denied": lambda d: ("denied", d["reason"]),
    "approval.answered": lambda d: ("answered", d["answer"]),
    "approval.edited": lambda d: ("edited", f"{d['step']}: {', '.join(d['patch'])}"),
    "approval.expired": lambda d: ("expired", "nobody answered in time: that is a no"),
    "approval.superseded": lambda d: ("replaced", d["why"]),
    "approval.withdrawn": lambda d: ("withdrawn", d["why"]),
    "effect.started": lambda d: ("effect", d["title"]),
    "effect.done": lambda d: ("carried out", ""),
    "effect.found": lambda d: ("found done", ""),
    "effect.failed": lambda d: ("failed", d["why"]),
    "effect.in_doubt": lambda d: ("in doubt", d["why"]),
}


def _effect_lines(effect: EffectState, root: Path, width: int) -> list[str]:
    lines = [f"  {mark_of(effect)} {cut(effect.data['title'], width - 4)}"]
    lines += [f"      {text}" for text in receipt_lines(effect.receipt, root)]
    if effect.undone_by:
        lines.append("      undone")
    elif effect.why and not effect.is_done:
        lines += wrapped(effect.why, width, "      ")
    return [*lines, dim(f"      {line(effect.key)}")]


def _accounts(state: TaskState, records: list[Record]) -> list[str]:
    """Estimate beside what it took."""
    estimate = state.estimate or {}
    spent = [{"amount": str(amount), "currency": currency} for currency, amount in sorted(state.spent.items())]
    took = span(records[-1].at - state.opened_at) if state.opened_at is not None and records else "-"
    minutes = estimate.get("minutes")
    rows = [
        ["", "estimated", "actual"],
        ["cost", costs([estimate["cost"]]) if estimate.get("cost") else "unknown", costs(spent)],
        ["time", f"{minutes:g} min" if minutes is not None else "unknown", took],
        ["your cards", str(estimate.get("interruptions", "-")), str(len(state.cards))],
        ["run as", f"{estimate.get('tier') or 'as planned'}, lane {estimate.get('lane', '-')}",
         f"{state.model_calls} model calls, {state.tokens} tokens"],
    ]  # fmt: skip
    return [f"  {text}" for text in columns(rows)]
