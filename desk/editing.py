"""Changing what is on a card: the post's text at the step that wrote it, or the mail at the step that proposed it."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import click

from agentos.errors import AgentOSError
from agentos.tasks.state import CardState, TaskState
from desk.render.written import MAIL, POST, Form, Written, as_text, leading_title, read_text, summary_of
from desk.results import output_of
from desk.session import Session

Json = dict[str, Any]
SLOTS = {"post": POST, "mail": MAIL}


class NothingToEdit(AgentOSError):
    code = "edit.nothing"


class NoText(AgentOSError):
    code = "edit.no_text"


def edit_card(
    session: Session,
    state: TaskState,
    card: CardState,
    *,
    slot: str | None = None,
    text: str | None = None,
    title: str | None = None,
    summary: str | None = None,
    goes_on: bool = True,
) -> TaskState | None:
    """Replace the text, the title, the summary; opens $EDITOR on a terminal where none is given. None: nothing changed.

    goes_on: this command advances the task next. It holds it from when the text stands, not while she writes.
    Raises NothingToEdit when the card holds no such text, UsageError when there is no terminal to edit on.
    """
    slot = slot or _slot_of(card)
    if summary is not None and slot != "post":
        raise click.UsageError("Only a post has a summary.")
    step, old = _found(session, state, slot)
    new = _edited(session, old, SLOTS[slot], text, {"title": title, "summary": summary})
    if new == old:
        session.say("Nothing was changed.")
        return None
    _refuse_no_text(new, SLOTS[slot])
    patch: Json = new.fields if slot == "post" else _mail_patch(session, state, step, new)
    for proposal in patch.get("proposals", ()) if slot == "mail" else ():
        session.platform.systems[proposal["system"]].check(proposal["verb"], proposal["payload"])
    if goes_on:
        session.hold(state.id)
    return session.desk.edit(card.id, step, patch)


def _refuse_no_text(new: Written, form: Form) -> None:
    """An empty file, or one that is no text, is a slip: nobody sends or publishes that."""
    for key in (form.keys[0], form.keys[-1]):
        if not new.fields[key].strip():
            raise NoText(f"The {key} would be empty.", hint="Nothing was changed. Is it the right file?")
    if found := next((c for text in new.fields.values() for c in text if ord(c) < 32 and c not in "\n\r\t"), None):
        raise NoText(f"The text holds a control character ({found!r}).", hint="Nothing was changed. Take it out.")


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
        output = output_of(session.store, state, planned["id"]) or {}
        if slot == "post" and {"title", "summary", "markdown"} <= output.keys():
            return planned["id"], Written({key: str(output[key]) for key in POST.keys})
        for proposal in output.get("proposals", ()) if slot == "mail" else ():
            if proposal["slot"] == slot:
                return planned["id"], Written({key: str(proposal["payload"][key]) for key in MAIL.keys})
    raise NothingToEdit(f"This card's task holds no {slot} that can be edited.", hint="agentos show TASK")


def _mail_patch(session: Session, state: TaskState, step: str, new: Written) -> Json:
    proposals = deepcopy((output_of(session.store, state, step) or {})["proposals"])
    for proposal in proposals:
        if proposal["slot"] == "mail":
            proposal["payload"] |= new.fields
    return {"proposals": proposals}


def _edited(session: Session, old: Written, form: Form, text: str | None, said: dict[str, str | None]) -> Written:
    """`said`: the title (or subject) and the summary as options, which win over what the text says."""
    if text is None and all(value is None for value in said.values()):
        if not session.asks:
            raise click.UsageError("Without a terminal, name the new text with --file, or --title, or --summary.")
        text = click.edit(as_text(old, form), extension=".md", require_save=True)
    new = old if text is None else read_text(text, old, form)
    if form is POST:
        new = following(new, old)
    given = {"title": form.keys[0], "summary": "summary"}
    return Written(new.fields | {given[name]: value.strip() for name, value in said.items() if value is not None})


def following(new: Written, old: Written) -> Written:
    """A post whose text was replaced: a `# Title` at its head is its title and stands once, and a summary of the old
    text must not be published with the new one."""
    fields = dict(new.fields)
    if fields["markdown"] == old.fields["markdown"]:
        return new
    heading, rest = leading_title(fields["markdown"])
    if heading:
        fields["markdown"] = rest
        if fields["title"] == old.fields["title"]:
            fields["title"] = heading
    if fields["summary"] == old.fields["summary"]:
        fields["summary"] = summary_of(fields["markdown"])
    return Written(fields)
