"""Showing a card and asking for its answer on a terminal."""

from __future__ import annotations

import click

from agentos.tasks.state import CardState, TaskState
from desk.reading import earlier_of, payload_of
from desk.render.card import Part, View, card_lines, command_lines
from desk.render.style import dim
from desk.session import Session


def view_of(session: Session, state: TaskState, card: CardState) -> View:
    store = session.store
    parts = [
        Part(effect, payload_of(store, state, card, effect), earlier_of(store, state, card, effect))
        for effect in card.data["effects"]
    ]
    return View(state, card, parts)


def show_card(
    session: Session, state: TaskState, card: CardState, *, full: bool = False, commands: bool = True
) -> None:
    lines = card_lines(view_of(session, state, card), session.zone, session.now, session.width, full=full)
    more = ["", *(dim(f"  {text}") for text in command_lines(card))] if commands and command_lines(card) else []
    session.show(["", *lines, *more])


def ask(session: Session, state: TaskState, card: CardState) -> TaskState | None:
    """Ask a person for the answer right here; the task's new state, or None when she leaves it for later. Once she has
    said it the task is held: whoever asks goes on with it."""
    if card.kind in ("effects", "budget"):
        return _ask_approval(session, state, card)
    return _ask_words(session, state, card)


def _ask_approval(session: Session, state: TaskState, card: CardState) -> TaskState | None:
    edit = ", e(dit)" if {"post", "mail"} & {effect["slot"] for effect in card.data["effects"]} else ""
    session.say()
    while True:
        said = _prompt(f"Approve? y(es), n(o){edit}, f(ull text), enter for later")
        word = said.lower()
        if word in ("", "l", "later"):
            return None
        if word in ("y", "yes", "j", "ja"):
            session.hold(state.id)
            return session.desk.approve(card.id)
        if word in ("n", "no", "nein"):
            return _deny(session, state, card, _prompt("Why not?"))
        if edit and word in ("e", "edit"):
            from desk.editing import edit_card

            return edit_card(session, state, card)
        if word in ("f", "full"):
            show_card(session, state, card, full=True, commands=False)
        elif click.confirm("Deny it, with that as the reason?", default=False):
            return _deny(session, state, card, said)


def _deny(session: Session, state: TaskState, card: CardState, reason: str) -> TaskState:
    session.hold(state.id)
    return session.desk.deny(card.id, reason)


def _ask_words(session: Session, state: TaskState, card: CardState) -> TaskState | None:
    choices = [str(choice) for choice in (card.data["question"] or {}).get("choices") or []]
    said = _prompt("Your answer (a number or words), enter for later" if choices else "Your answer, enter for later")
    if not said:
        return None
    session.hold(state.id)
    return session.desk.answer(card.id, chosen(card, said))


def chosen(card: CardState, said: str) -> str:
    """A choice by the number that stands before it on the card; anything else is an answer in words."""
    choices = [str(choice) for choice in (card.data["question"] or {}).get("choices") or []]
    by_number = said.isdecimal() and len(said) < 4 and said not in choices and 0 < int(said) <= len(choices)
    return choices[int(said) - 1] if by_number else said


def _prompt(text: str) -> str:
    said: str = click.prompt(text, default="", show_default=False, prompt_suffix=": ")
    return said.strip()
