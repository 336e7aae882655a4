"""The log in words: who, when, what, how much. A fold for readers; what a forgotten client's events held is absent."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from agentos.events.blobs import Blobs
from agentos.events.record import Record
from agentos.ids import short

Json = dict[str, Any]
_WHO = {"operator": "you", "system": "AgentOS", "demo": "the demo", "rehearsal": "the rehearsal"}


@dataclass(frozen=True)
class Row:
    """One line of the timeline. `amount` is a decimal in `currency`, "" where no money is in it."""

    seq: int
    at: str
    who: str
    what: str
    task: str
    amount: str = ""
    currency: str = ""


@dataclass(frozen=True)
class CardRow:
    at: str
    title: str
    asked: str
    answer: str
    answered_at: str


@dataclass(frozen=True)
class Cost:
    """What models cost in one month: settled, per currency."""

    month: str
    amount: str
    currency: str
    calls: int


def rows(records: Iterable[Record], blobs: Blobs) -> Iterator[Row]:
    titles: dict[str, Json] = {}
    """effect -> its start"""
    cards: dict[str, str] = {}
    for record in records:
        if record.forgotten:
            continue
        data = record.data
        if record.type == "effect.started":
            titles[data["effect"]] = data
        if record.type == "approval.requested":
            cards[data["card"]] = data["title"]
        tell = _TELLERS.get(record.type)
        if tell is None:
            continue
        what = tell(_with(record, data, titles, cards, blobs))
        if what:
            yield _row(record, what, titles.get(data.get("effect", ""), {}))


def _row(record: Record, what: str, started: Json) -> Row:
    gross = (started.get("amounts") or {}).get("gross") or {} if record.type in ("effect.done", "effect.found") else {}
    task = short(record.correlation) if record.correlation else ""
    who = _WHO.get(record.actor, record.actor.replace("agent:", "agent "))
    at = record.at.isoformat(timespec="seconds")
    return Row(record.seq, at, who, what, task, str(gross.get("amount", "")), str(gross.get("currency", "")))


def _with(record: Record, data: Json, titles: Json, cards: dict[str, str], blobs: Blobs) -> Json:
    """The payload with what its sentence needs from elsewhere: the effect's title, the card's, the text of a blob."""
    more = {"title": titles.get(data.get("effect", ""), {}).get("title", "")} if "effect" in data else {}
    if record.type.startswith("approval.") and "title" not in data:
        more["title"] = cards.get(data["card"], "a card")
    if record.type == "intent.received" and data["blob"]:
        stored = blobs.get(data["blob"], record.subject)
        more["text"] = "" if stored is None else stored.decode("utf-8", "replace")
    if record.type == "intent.received" and data["text"] and all(key in titles for key in data["text"].splitlines()):
        named = ", ".join(titles[key]["title"] for key in data["text"].splitlines())
        more["text"] = f"take back {named}"  # `agentos undo` names effects by their keys
    return data | more


def card_rows(records: Iterable[Record]) -> list[CardRow]:
    """Every card with why it asked and what was answered, oldest first."""
    found: dict[str, CardRow] = {}
    for record in records:
        if record.forgotten or not record.type.startswith("approval."):
            continue
        data, at = record.data, record.at.isoformat(timespec="seconds")
        if record.type == "approval.requested":
            asked = "; ".join(str(reason.get("text", "")) for reason in data["reasons"])
            found[data["card"]] = CardRow(at, data["title"], asked, "open", "")
        elif data["card"] in found:
            old = found[data["card"]]
            words = data.get("answer") or data.get("reason") or data.get("why") or ""
            answer = record.type.removeprefix("approval.") + (f": {words}" if words else "")
            found[data["card"]] = CardRow(old.at, old.title, old.asked, answer, at)
    return list(found.values())


def monthly_costs(records: Iterable[Record]) -> list[Cost]:
    sums: dict[tuple[str, str], tuple[Decimal, int]] = {}
    for record in records:
        cost = record.data["cost"] if record.type == "model.settled" else None
        if cost is not None:
            key = (f"{record.at:%Y-%m}", cost["currency"])
            amount, calls = sums.get(key, (Decimal(0), 0))
            sums[key] = (amount + Decimal(cost["amount"]), calls + 1)
    return [Cost(month, f"{amount.normalize():f}", currency, calls)
            for (month, currency), (amount, calls) in sorted(sums.items())]  # fmt: skip


def _says(text: str) -> Callable[[Json], str]:
    return lambda data: text.format_map(_Absent(data))


class _Absent(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return ""


def _done(data: Json) -> str:
    number = data["receipt"]["data"].get("number")
    return f"Done: {data['title']}" + (f" ({number})" if number and number not in data["title"] else "")


def _found(data: Json) -> str:
    return f"Found done: {data['title']}"


def _failed(data: Json) -> str:
    return f"Did not work: {data['title']}: {data['why']}"


_TELLERS: dict[str, Callable[[Json], str]] = {
    "intent.received": _says("Asked: {text}"),
    "intent.rejected": _says("Not taken up: {why}"),
    "task.completed": _says("Finished: {summary}"),
    "task.failed": _says("Failed: {why}"),
    "task.cancelled": _says("Given up: {why}"),
    "approval.requested": _says("Card: {title}"),
    "approval.granted": _says("Approved: {title}"),
    "approval.denied": _says("Denied: {title}: {reason}"),
    "approval.answered": _says("Answered “{answer}” to: {title}"),
    "approval.edited": _says("Changed: {title}"),
    "approval.expired": _says("Nobody answered in time: {title}"),
    "approval.superseded": _says("Asked anew: {title}: {why}"),
    "approval.withdrawn": _says("Withdrawn: {title}: {why}"),
    "effect.done": _done,
    "effect.found": _found,
    "effect.failed": _failed,
    "effect.in_doubt": _says("Not known whether it happened: {title}: {why}"),
    "number.voided": _says("Number {text} is void: {why}"),
    "workspace.file_changed": _says("File read anew: {path}"),
    "platform.stopped": _says("Stopped: {why}"),
    "platform.started": _says("Started"),
    "platform.restored": _says("Restored from the backup {backup}"),
    "platform.backed_up": _says("Backed up: {backup}"),
}
