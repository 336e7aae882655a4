"""Advancing a task in the foreground: progress, short waits, the card, the answer, and on until it rests."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from agentos.errors import WorkspaceError
from agentos.ids import short
from agentos.tasks.state import TaskState
from desk.cards import ask, show_card
from desk.progress import followed
from desk.render.overview import card_json
from desk.render.style import bold, dim, warn
from desk.render.task import ending_lines, outcome_lines, waiting_lines
from desk.session import Session

if TYPE_CHECKING:
    from graphs.advance import Advanced

LOOK_AGAIN = 0.5
"""Seconds between two looks at whether another worker has let go."""
PATIENCE = timedelta(seconds=5)
"""A wait up to this long is waited for here; a longer one is somebody else's."""


def work_on(
    session: Session,
    task: str,
    *,
    asks: bool = True,
    quiet: bool = False,
    told: Callable[[TaskState], bool] | None = None,
) -> int:
    """Advance the task until it is closed, or only a person or a later hour can take it on. Returns the exit code.

    quiet: without showing how it goes. told: says how it ended in other words, and whether it has.
    """
    while True:
        try:
            state, resting = _advanced(session, task, quiet)
        except WorkspaceError as error:
            raise _kept(error, task) from None
        if resting:
            session.say(warn(resting))
            return finish(session, state)
        if state.closed:
            return 0 if told is not None and told(state) else finish(session, state)
        answered = _ask_here(session, state) if asks else False
        if not answered:
            return finish(session, state)


def _kept(error: WorkspaceError, task: str) -> WorkspaceError:
    """A file of the workspace stops the work: the task must not be forgotten over it."""
    name = short(task)
    error.hint = (
        f"{error.hint} What you asked for is kept as task {name}: once the file is mended it goes on with "
        f"`agentos resume {name}`; `agentos cancel {name}` gives it up."
    ).strip()
    return error


def _advanced(session: Session, task: str, quiet: bool) -> tuple[TaskState, str]:
    """The task's state, and why nothing was done (the switch is off); "" when it went as far as it could."""
    while True:
        with (
            nullcontext() if quiet else followed(session, task)
        ):  # importing and opening takes seconds on a slow machine: the spinner turns for it
            result = asyncio.run(_our_turn(session, task))
        if result.stopped:
            return result.state, result.stopped
        wait = short_wait(result.state)
        if wait is None:
            return result.state, ""
        session.say(dim(f"  … waiting {max(wait.total_seconds(), 0):.0f} s: {result.state.parked[0].get('why') or ''}"))
        asyncio.run(asyncio.sleep(max(wait.total_seconds(), 0) + 0.05))


async def _our_turn(session: Session, task: str) -> Advanced:
    """Advance; while another worker (under `agentos up`, say) is on the task, watch it and take over when it rests."""
    from graphs.advance import advance

    platform = session.platform
    try:
        result = await advance(platform, task, by=session.via, held=session.lease_of(task))
    finally:
        session.let_go()
    if result.busy:
        session.say(dim("  … another worker is on this task; watching it"))
    while result.busy:
        await asyncio.sleep(LOOK_AGAIN)
        result = await advance(session.platform, task, by=session.via)
    return result


def short_wait(state: TaskState) -> timedelta | None:
    """How long to wait here; None when the task waits for a person, for long, or for nothing."""
    if state.closed or state.open_cards():
        return None
    times = [datetime.fromisoformat(why["until"]) for why in state.parked if why.get("until")]
    if not times:
        return None
    left = min(times) - datetime.now(UTC)
    return left if left <= PATIENCE else None


def _ask_here(session: Session, state: TaskState) -> bool:
    """True once something was answered. Without a terminal nothing is asked."""
    if not session.asks:
        return False
    for card in state.open_cards():
        show_card(session, state, card, commands=False)
        if ask(session, state, card) is not None:
            session.reopen()
            return True
    return False


def finish(session: Session, state: TaskState) -> int:
    """Say where the task stands and what can be done next."""
    if session.as_json:
        session.give(task_json(state) | {"text": _made(session, state)})
    elif state.closed:
        if state.rehearsal:
            for card in state.cards.values():
                show_card(session, state, card, commands=False)
        session.show(["", *ending_lines(state, session.width)])
        if state.status == "completed":
            session.show(_text_lines(session, state))
            session.show(outcome_lines(state, session.root, session.width))
    else:
        if not session.asks:
            for card in state.open_cards():
                show_card(session, state, card)
        session.show(waiting_lines(state, session.zone, session.now))
    return 1 if state.status == "failed" else 0


def _made(session: Session, state: TaskState) -> str | None:
    """The text of a task that has come to its end and does nothing outside: it is read here or nowhere."""
    from desk.results import text_of_task

    return text_of_task(session.store, state) if state.status == "completed" and not state.effects else None


def _text_lines(session: Session, state: TaskState) -> list[str]:
    from desk.render.result import BEGINNING, text_lines

    text, name = _made(session, state), short(state.id)
    if text is None or state.rehearsal:
        return []
    more = f"agentos show {name} --full"
    lines = text_lines(text, session.width, most=BEGINNING, more=more)
    return ["", *lines, "", dim(f"  all of it: {more}    save it: agentos show {name} --output brief.md")]


def task_json(state: TaskState) -> dict[str, Any]:
    cards = [card_json(state, card) for card in state.open_cards()]
    effects = [
        {"key": effect.key, "title": effect.data["title"], "status": effect.status, "receipt": effect.receipt,
         "why": effect.why, "amounts": effect.data["amounts"], "undone_by": effect.undone_by}
        for effect in state.effects.values()
    ]  # fmt: skip
    steps = {id: {"status": step.status, "round": step.round, "agent": step.agent, "confidence": step.confidence,
                  "reasons": step.reasons} for id, step in state.steps.items()}  # fmt: skip
    spent = [{"amount": str(amount), "currency": currency} for currency, amount in sorted(state.spent.items())]
    return {
        "task": state.id, "status": state.status, "summary": state.summary, "rehearsal": state.rehearsal,
        "cards": cards, "parked": state.parked, "steps": steps, "effects": effects, "estimate": state.estimate,
        "spent": spent, "tokens": state.tokens, "model_calls": state.model_calls,
    }  # fmt: skip


def announce(session: Session, state: TaskState, about: str) -> None:
    session.say(f"Task {bold(short(state.id))}  {about}")
