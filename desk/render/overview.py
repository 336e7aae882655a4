"""`agentos status` and `agentos desk`: what there is and what waits."""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo
from typing import Any

from agentos.ids import short
from agentos.reconcile.state import DriftState
from agentos.tasks.state import CardState, TaskState
from agentos.workspace.pulse import SILENT_HINT, FailedRun, Silence
from desk.render.style import bad, bold, columns, costs, cut, dim, good, line, moment, money, span, warn

SOON = timedelta(hours=12)
"""A card that expires within this is warned of: expired means denied."""
KINDS = {
    "effects": "approval",
    "question": "question",
    "doubt": "in doubt",
    "failure": "failure",
    "budget": "budget",
}


def card_json(state: TaskState, card: CardState) -> dict[str, Any]:
    """`amounts`: one {"slot", "net", "vat", "gross"} for every effect that moves money."""
    amounts = [{"slot": effect["slot"]} | effect["amounts"] for effect in card.data["effects"] if effect["amounts"]]
    return {
        "card": card.id,
        "task": state.id,
        "kind": "approval" if card.kind == "effects" else card.kind,
        "title": card.title,
        "amounts": amounts,
        "reasons": card.data["reasons"],
        "expires_at": card.data["expires_at"],
        "status": card.status,
        "question": card.data["question"],
    }


def desk_lines(waiting: list[tuple[TaskState, CardState]], zone: tzinfo, now: datetime, width: int) -> list[str]:
    if not waiting:
        return ["Nothing waits for you."]
    rows = []
    for _, card in waiting:
        gross = [money(effect["amounts"]["gross"]) for effect in card.data["effects"] if effect["amounts"]]
        rows.append([bold(short(card.id)), KINDS[card.kind], card.title, " + ".join(gross)])
    beside = 8 + max(len(row[1]) for row in rows) + max(len(row[3]) for row in rows) + 6
    lines = columns([[*row[:2], cut(row[2], max(width - beside, 24)), row[3]] for row in rows])
    for _, card in waiting:
        lines += _expiry(card, zone, now)
    first = waiting[0][1]
    act = "approve" if first.kind in ("effects", "budget") else "answer"
    return [*lines, "", dim(f"agentos show {short(first.id)}    agentos {act} {short(first.id)}")]


def _expiry(card: CardState, zone: tzinfo, now: datetime) -> list[str]:
    if card.expires_at is None or now < _warns_at(card, card.expires_at):
        return []
    if card.expires_at <= now:
        return [bad(f"{short(card.id)} has expired, which counts as a no.")]
    at = moment(card.expires_at, zone, now)
    return [warn(f"{short(card.id)} expires in {span(card.expires_at - now)} ({at}); expired means denied.")]


def _warns_at(card: CardState, expires: datetime) -> datetime:
    """What policy.toml said when the card was made (`approvals.warn_hours`)."""
    at = card.data["body"].get("warns_at")
    return datetime.fromisoformat(at) if at else expires - SOON


def status_lines(
    tasks: list[tuple[TaskState, str]],
    waiting: list[tuple[TaskState, CardState]],
    closed: dict[str, int],
    spent: list[dict[str, Any]],
    stopped: str | None,
    due: datetime | None,
    zone: tzinfo,
    now: datetime,
    width: int,
) -> list[str]:
    """`tasks`: the open ones, each with what it is about."""
    lines = [bad(f"Stopped: {line(stopped)}. `agentos start` goes on.")] if stopped else []
    rows = [[bold(short(state.id)), state_word(state, now), cut(about, max(width - 32, 24))] for state, about in tasks]
    lines += columns(rows) if rows else ["No open task."]
    done = ", ".join(f"{count} {name}" for name, count in sorted(closed.items()))
    lines += ["", f"Waiting for you: {len(waiting)}" + ("  (agentos desk)" if waiting else "")]
    lines.append(f"Closed: {done or 'none'}")
    lines.append(f"Models cost today: {costs(spent)}")
    if due is not None:
        lines.append(f"Next due: {moment(due, zone, now)}")
    for _, card in waiting:
        lines += _expiry(card, zone, now)
    return lines


def drift_lines(drifts: list[DriftState], width: int) -> list[str]:
    """What differs outside by the last look; nothing where nothing does."""
    if not drifts:
        return []
    lines = [warn(f"Differs from the log: {len(drifts)}") + "  (agentos reconcile)"]
    return lines + [dim(f"  - {cut(line(str(one.data['words'])), max(width - 4, 24))}") for one in drifts]


def alarm_lines(silence: list[Silence], failed: list[FailedRun], zone: tzinfo, now: datetime) -> list[str]:
    """What of `agentos up` is not as it should be; nothing where all is well."""
    lines = [bad(f"{one}. {SILENT_HINT}") for one in silence]
    if failed:
        newest = failed[-1]
        when = moment(newest.at, zone, now)
        lines.append(warn(f"{len(failed)} run(s) failed today, the last at {when}: {newest.job} {newest.run[:8]}."))
    return lines


def state_word(state: TaskState, now: datetime) -> str:
    """Where a task stands, in a word or three."""
    if state.status == "completed":
        return good("done")
    if state.status == "failed":
        return bad("failed")
    if state.status == "cancelled":
        return dim("cancelled")
    if state.status != "parked":
        return "ready" if state.status == "open" else "under way or left"
    if state.open_cards():
        return warn("waits for you")
    times = [datetime.fromisoformat(why["until"]) for why in state.parked if why.get("until")]
    return f"waits {span(min(times) - now)}" if times and min(times) > now else "ready"
