"""Changing what is on a card: the post's text at the step that wrote it, or the mail at the step that proposed it."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import click

from agentos.errors import AgentOSError
from agentos.tasks.state import CardState, TaskState
from agentos.tasks.values import unpack
from desk.render.written import MAIL, POST, Written, as_text, read_text
from desk.session import Session

Json = dict[str, Any]
SLOTS = {"post": POST, "mail": MAIL}


class NothingToEdit(AgentOSError):
    code = "edit.nothing"


def edit_card(
    session: Session,
    state: TaskState,
    card: CardState,
    *,
    slot: str | None = None,
    text: str | None = None,
    title: str | None = None,
) -> TaskState | None:
    """Replace the text, the title, or both; opens $EDITOR on a terminal where neither is given. None: nothing changed.

    Raises NothingToEdit when the card holds no such text, UsageError when there is no terminal to edit on.
    """
    slot = slot or _slot_of(card)
    step, old = _found(session, state, slot)
    new = _edited(session, old, SLOTS[slot], text, title)
    if new == old:
        session.say("Nothing was changed.")
        return None
    patch: Json = new.fields if slot == "post" else _mail_patch(session, state, step, new)
    for proposal in patch.get("proposals", ()) if slot == "mail" else ():
        session.platform.systems[proposal["system"]].check(proposal["verb"], proposal["payload"])
    return session.desk.edit(card.id, step, patch)


def _slot_of(card: CardState) -> str:
    slots = [effect["slot"] for effect in card.data["effects"] if effect["slot"] in SLOTS]
    if not slots:
        raise NothingToEdit(
            "This card holds no text that can be edited.", hint="agentos deny CARD --reason ..., and run it again."
        )
    return "post" if "post" in slots else str(slots[0])


def _found(session: Session, state: TaskState, slot: str) -> tuple[str, Written]:
    """The step to patch and the text as it stands.

    For a post it is the first step that holds the whole text: whatever looks it over afterwards (the editor's rules,
    the fact-checker) then looks at the operator's words, and its earlier objections don't stick.
    """
    for planned in (state.plan or {}).get("steps", []):
        output = output_of(session, state, planned["id"])
        if slot == "post" and {"title", "summary", "markdown"} <= output.keys():
            return planned["id"], Written({key: str(output[key]) for key in POST.keys})
        for proposal in output.get("proposals", ()) if slot == "mail" else ():
            if proposal["slot"] == slot:
                return planned["id"], Written({key: str(proposal["payload"][key]) for key in MAIL.keys})
    raise NothingToEdit(f"This card's task holds no {slot} that can be edited.", hint="agentos show TASK")


def output_of(session: Session, state: TaskState, step: str) -> Json:
    """A step's output with what was edited before laid over it."""
    known = state.steps.get(step)
    if known is None or known.output is None:
        return {}
    value = unpack(known.output, session.store.blobs, state.subject)
    return value | known.patch if isinstance(value, dict) else {}


def _mail_patch(session: Session, state: TaskState, step: str, new: Written) -> Json:
    proposals = deepcopy(output_of(session, state, step)["proposals"])
    for proposal in proposals:
        if proposal["slot"] == "mail":
            proposal["payload"] |= new.fields
    return {"proposals": proposals}


def _edited(session: Session, old: Written, form: Any, text: str | None, title: str | None) -> Written:
    if text is None and title is None:
        if not session.asks:
            raise click.UsageError("Without a terminal, name the new text with --file, or --title.")
        text = click.edit(as_text(old, form), extension=".md", require_save=True)
    new = old if text is None else read_text(text, old, form)
    return new if title is None else Written(new.fields | {form.keys[0]: title.strip()})
