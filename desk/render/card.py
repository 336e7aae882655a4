"""The five-second card: what will happen, to whom, for how much, why it asks, what changed, the way back."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import Any

from agentos.ids import short
from agentos.tasks.state import CardState, TaskState
from desk.reading import Earlier
from desk.render.invoice import invoice_lines
from desk.render.overview import KINDS
from desk.render.style import bad, bold, clean, costs, cut, dim, good, line, moment, money, span, warn, wrapped

Json = dict[str, Any]
PREVIEW = 8
"""Lines of a text that stand on the card without --full."""
MOST_CHANGES = 24
ALIKE = 0.3
"""Below this share of common lines a comparison would only be noise."""


@dataclass(frozen=True)
class Part:
    """One effect on the card with what would be done (None: its client was forgotten) and what to compare it with."""

    effect: Json
    payload: Json | None
    earlier: Earlier | None = None


@dataclass(frozen=True)
class View:
    state: TaskState
    card: CardState
    parts: list[Part] = field(default_factory=list)


def card_lines(view: View, zone: tzinfo, now: datetime, width: int, *, full: bool = False) -> list[str]:
    card = view.card
    lines = [_head(card, zone, now), *[bold(text) for text in wrapped(card.title, width)]]
    for number, part in enumerate(view.parts, 1):
        lines += ["", *_effect_lines(number, part, width)]
    if card.data["reasons"]:
        lines += ["", bold("Why it asks")]
        for reason in card.data["reasons"]:
            lines += wrapped(reason["text"], width, "  - ", "    ")
    for part in view.parts:
        lines += _content_lines(part, width, zone, now, full)
    lines += _question_lines(card, width)
    lines += ["", dim(_footer(view))]
    return lines


def _head(card: CardState, zone: tzinfo, now: datetime) -> str:
    parts = [f"Card {bold(short(card.id))}", KINDS[card.kind]]
    if card.status != "open":
        parts.append({"granted": good("approved"), "denied": bad("denied")}.get(card.status, card.status))
        if card.why:
            parts.append(line(card.why))
    elif card.expires_at is not None:
        left = card.expires_at - now
        parts.append(
            bad("expired") if left.total_seconds() <= 0
            else f"expires in {span(left)} ({moment(card.expires_at, zone, now)})"
        )  # fmt: skip
    return "  ·  ".join(parts)


def _effect_lines(number: int, part: Part, width: int) -> list[str]:
    effect = part.effect
    slot = dim(f"[{line(effect['slot'])}]")
    first, *rest = wrapped(effect["title"], width - len(effect["slot"]) - 4, f"  {number}  ", "     ")
    lines = [f"{first}  {slot}", *rest]
    if effect["to"]:
        lines.append(f"     to {line(effect['to'])}")
    if effect["amounts"]:
        net, vat, gross = (money(effect["amounts"][key]) for key in ("net", "vat", "gross"))
        lines.append(f"     net {net} + VAT {vat} = {bold(gross)}")
    lines += invoice_lines(part.payload or {}, width)
    if effect.get("after"):
        lines.append(dim(f"     rests on {', '.join(line(slot) for slot in effect['after'])}"))
    way = {"free": "Undo:", "compensable": "Undo:", "final": "Can't be undone:"}[effect["reversible"]]
    return [*lines, *(dim(text) for text in wrapped(f"{way} {effect['undo']}", width, "     "))]


def text_of(payload: Json) -> tuple[str, str] | None:
    """(name, text) of what a person would read of it; None where there is nothing to read (an invoice, a booking)."""
    if "markdown" in payload:
        summary, text = str(payload.get("summary") or ""), str(payload["markdown"])
        lead = f"{summary}\n\n" if summary and summary not in text else ""
        return "The post", f"# {payload.get('title', '')}\n\n{lead}{text}"
    if "body" in payload:
        return "The mail", f"To: {payload.get('to', '')}\nSubject: {payload.get('subject', '')}\n\n{payload['body']}"
    return None


def _content_lines(part: Part, width: int, zone: tzinfo, now: datetime, full: bool) -> list[str]:
    if part.payload is None:
        return ["", dim("  (its content belongs to a client who was forgotten)")]
    readable = text_of(part.payload)
    if readable is None:
        return _last_amount(part, zone, now)
    name, text = readable
    if "⟦" in text:
        name += dim("  (⟦…⟧ is filled in when it is done)")
    body = [one for source in clean(text).splitlines() for one in (wrapped(source, width, "  ") if source else [""])]
    while body and not body[-1]:
        body.pop()
    lines = ["", bold(name), *(body if full else _first(body))]
    return lines + _difference(part, text, zone, now, full)


def _first(body: list[str]) -> list[str]:
    if len(body) <= PREVIEW + 2:
        return body
    return [*body[:PREVIEW], dim(f"  … {len(body) - PREVIEW} more lines: --full")]


def _last_amount(part: Part, zone: tzinfo, now: datetime) -> list[str]:
    if part.earlier is None or not part.effect["amounts"] or not part.earlier.amounts:
        return []
    if part.effect["amounts"] == part.earlier.amounts and part.earlier.same_card:
        return []
    when = moment(part.earlier.at, zone, now)
    return ["", dim(f"  {part.earlier.label.capitalize()}: {line(part.earlier.title)}, {when}")]


def _difference(part: Part, text: str, zone: tzinfo, now: datetime, full: bool) -> list[str]:
    if part.earlier is None:
        return []
    old = text_of(part.earlier.payload)
    if old is None:
        return []
    when = f"{part.earlier.label}, {moment(part.earlier.at, zone, now)}"
    before, after = clean(old[1]).splitlines(), clean(text).splitlines()
    alike = part.earlier.same_card or difflib.SequenceMatcher(None, before, after).ratio() >= ALIKE
    if not alike:
        return [dim(f"  Unlike {when}: “{cut(part.earlier.title, 50)}”")]
    changes = changed_lines(before, after)
    if not changes and "⟦" in text:
        return [dim(f"  The same words as {when}; what ⟦…⟧ stands for is this invoice's own.")]
    if not changes:
        return [dim(f"  The same as {when}.")]
    shown = changes if full else changes[:MOST_CHANGES]
    more = [dim(f"  … {len(changes) - len(shown)} more: --full")] if len(changes) > len(shown) else []
    return ["", bold(f"Changed since {when}"), *shown, *more]


def changed_lines(before: list[str], after: list[str]) -> list[str]:
    """Only the lines that went and those that came, in red and green."""
    found = []
    for text in difflib.unified_diff(before, after, n=0, lineterm=""):
        if text.startswith(("---", "+++", "@@")) or not text[1:].strip():
            continue
        found.append(good(f"  + {text[1:]}") if text.startswith("+") else bad(f"  - {text[1:]}"))
    return found


def _question_lines(card: CardState, width: int) -> list[str]:
    question = card.data["question"]
    if question is None:
        return []
    lines = [] if question["text"] == card.title else ["", *wrapped(question["text"], width, "  ")]
    if question["choices"]:
        lines += ["", *(f"  {number}  {line(choice)}" for number, choice in enumerate(question["choices"], 1))]
    return lines


def _footer(view: View) -> str:
    body = view.card.data["body"]
    parts = [f"Cost so far: {costs(body.get('spent') or [])}"]
    if body.get("confidence") is not None:
        parts.append(f"confidence {body['confidence']:.0%}")
    if view.state.rehearsal:
        parts.append(warn("rehearsal: nothing is done outside"))
    return "  ·  ".join([*parts, f"task {short(view.state.id)}"])


def command_lines(card: CardState) -> list[str]:
    """What to type to answer it."""
    name = short(card.id)
    if card.status != "open":
        return []
    if card.kind in ("effects", "budget"):
        lines = [f"agentos approve {name}", f'agentos deny {name} --reason "..."']
        slots = [effect["slot"] for effect in card.data["effects"]]
        if len(slots) > 1:
            lines.insert(1, f"agentos approve {name} --strike {slots[-1]}")
        if {"post", "mail"} & set(slots):
            lines.append(f"agentos edit {name}")
        return lines
    choices = (card.data["question"] or {}).get("choices") or []
    if card.kind != "question" and choices:
        return [f'agentos answer {name} "{line(choice)}"' for choice in choices]
    return [f"agentos answer {name} 1"] if choices else [f'agentos answer {name} "..."']
