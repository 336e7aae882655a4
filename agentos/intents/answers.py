"""The operator's answer to an open question, read by the same rules as the request."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from agentos.errors import AgentOSError
from agentos.intents.amounts import CONFIRM_ABOVE, find_amounts, slot, with_basis
from agentos.intents.clients import find_clients, read_client
from agentos.intents.dates import read_due
from agentos.intents.language import detect
from agentos.intents.leftovers import leftovers, quoted
from agentos.intents.model import IntentRejected, OpenQuestion, Understanding
from agentos.intents.queries import with_client
from agentos.intents.rules import sensitivity, understand
from agentos.intents.slots import Filled, fill_amount, fill_client, unsure_amount
from agentos.intents.text import clean
from agentos.intents.topics import LONGEST
from agentos.workspace.model import Business, Client

_NONE = frozenset({"none", "no", "nothing", "usual", "default", "keins", "keine", "keines", "nein", "-"})


@dataclass(frozen=True)
class _Around:
    understanding: Understanding
    question: OpenQuestion
    business: Business
    clients: Mapping[str, Client]
    now: datetime


def apply_answer(
    understanding: Understanding,
    slot: str,
    answer: str,
    *,
    business: Business,
    clients: Mapping[str, Client],
    now: datetime,
) -> Understanding:
    """The understanding with one question answered. An answer that can't be read leaves the question open, saying why.

    Raises AgentOSError when there is no open question for `slot`, IntentRejected for an empty or over-long answer.
    An answer to "goal" is understood as a new request; slots that were known already are kept.
    """
    question = next((one for one in understanding.questions if one.slot == slot), None)
    if question is None:
        raise AgentOSError(
            f"There is no open question about {slot}.", hint="agentos desk shows what waits.", code="intent.no_question"
        )
    text = clean(answer)
    if slot == "goal":
        return _new_goal(understanding, text, business=business, clients=clients, now=now)
    text = _by_number(text, question)
    value, again = _READERS.get(slot, _text)(text, _Around(understanding, question, business, clients, now))
    merged = _merged(understanding, slot, value, again)
    return _not_less_sensitive(merged, (understanding.sensitivity, _sensitivity(text, merged, clients)))


def _by_number(text: str, question: OpenQuestion) -> str:
    """ "(2)" or "#2" takes the second choice; a bare number could be an amount and is not taken for one."""
    match = re.fullmatch(r"(?:\((\d)\)|#(\d))", text)
    index = int(match[1] or match[2]) - 1 if match else -1
    return question.choices[index] if 0 <= index < len(question.choices) else text


def _merged(understanding: Understanding, slot: str, value: Any, again: OpenQuestion | None) -> Understanding:
    if again is not None:
        questions = tuple(again if one.slot == slot else one for one in understanding.questions)
        return understanding.model_copy(update={"questions": questions})
    slots = understanding.slots if value is None else {**understanding.slots, slot: value}
    if slot == "client" and value is not None and understanding.workflow == "answer-question":
        slots = with_client(slots, str(value))
    questions = tuple(one for one in understanding.questions if one.slot != slot)
    return understanding.model_copy(update={"slots": slots, "questions": questions})


def _new_goal(
    old: Understanding, text: str, *, business: Business, clients: Mapping[str, Client], now: datetime
) -> Understanding:
    new = understand(text, business=business, clients=clients, now=now)
    slots = {**old.slots, **new.slots}
    kept = tuple(one for one in new.questions if one.slot not in slots)
    merged = new.model_copy(update={"slots": slots, "questions": kept})
    return _not_less_sensitive(merged, (old.sensitivity, new.sensitivity, _sensitivity(text, merged, clients)))


def _sensitivity(text: str, merged: Understanding, clients: Mapping[str, Client]) -> str:
    """Of what is known after an answer: a client may be named by it, by its number or in the middle of another text."""
    client = clients.get(str(merged.slots.get("client", "")))
    return "confidential" if client and client.confidential else sensitivity(text, find_clients(text, clients), clients)


def _not_less_sensitive(merged: Understanding, found: Collection[str]) -> Understanding:
    """An answer can make a task confidential and never the reverse: what was sent to a local model stays local."""
    return merged.model_copy(update={"sensitivity": "confidential" if "confidential" in found else "normal"})


def _client(text: str, around: _Around) -> Filled:
    identity = read_client(text, around.clients)
    if identity is not None:
        return identity, None
    _, question = fill_client(f"Invoice {text}", (), around.clients)
    return None, question


def _amount(text: str, around: _Around) -> Filled:
    client = around.clients.get(str(around.understanding.slots.get("client", "")))
    home = (client.currency if client else None) or around.business.currency
    spoken = detect(text)
    language = spoken if spoken != "unknown" else around.understanding.language
    found = find_amounts(text, language=language, home=home, bare_from=0)
    if len(found) == 1 and len(found[0].values) == 1 and found[0].problem.startswith("is unusually large"):
        # Asked once more and said once more: it is meant.
        if found[0].values[0] > CONFIRM_ABOVE and around.question.choices:
            return slot(found[0].values[0], found[0].currency or home, found[0].basis or around.business.amounts), None
        return fill_amount(found, around.business, client)
    value, question = fill_amount(found, around.business, client)
    spans = [with_basis(text, one) for one in found]
    seen = leftovers(text, spans, spans, (), (0, len(text)))
    if question is None and seen:
        question = unsure_amount(value, [quoted(text, one, (found[0].start, found[0].end)) for one in seen])
    return _with_wider_choice(value, question, text, around)


def _with_wider_choice(value: Any, question: OpenQuestion | None, text: str, around: _Around) -> Filled:
    """ "net" or "gross" alone answers a question whose choices differ in nothing else."""
    if question is None:
        return value, None
    word = {"net": "net", "netto": "net", "gross": "gross", "brutto": "gross"}.get(text.strip(" .!").casefold())
    matching = [one for one in around.question.choices if word and one.endswith(word)]
    if len(matching) == 1:
        return _amount(matching[0], around)
    return None, question


def _due(text: str, around: _Around) -> Filled:
    if text.strip(" .!").casefold() in _NONE:
        return None, None
    found = read_due(text, now=around.now, timezone=around.business.timezone)
    if found is None or found.problem or found.day is None:
        why = found.problem if found and found.problem else "is not a day I can read"
        again = f"“{text[:60]}” {why}. When is it due, as in: 2026-12-15? Answer “none” for the usual term."
        return None, OpenQuestion(slot="due", text=again, choices=found.choices if found else ())
    return str(found.day), None


def _text(text: str, around: _Around) -> Filled:
    line = " ".join(text.split())
    if len(line) > LONGEST:
        return None, OpenQuestion(
            slot=around.question.slot, text=f"That is too long: say it in at most {LONGEST} characters."
        )
    return line, None


_READERS: dict[str, Callable[[str, _Around], Filled]] = {"client": _client, "amount": _amount, "due": _due}

__all__ = ["IntentRejected", "apply_answer"]
