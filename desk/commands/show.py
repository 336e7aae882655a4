"""`agentos show`: a card in five seconds, a task's timeline, or what its steps came to."""

from __future__ import annotations

from pathlib import Path

import click

from agentos.tasks.state import TaskState
from desk.deciding import cards_named
from desk.options import as_command
from desk.session import Session


@as_command("show")
@click.argument("name", metavar="CARD|TASK", shell_complete=cards_named)
@click.option("--full", is_flag=True, help="The whole text; of a task, what every step came to.")
@click.option("--step", metavar="NAME", help="Only what this step of the task came to.")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="Save the task's text (or the step's) to a new file."
)
def command(session: Session, name: str, full: bool, step: str | None, output: Path | None) -> None:
    """Show CARD (what will happen, why it asks, what changed), or TASK's timeline and results."""
    from agentos.tasks.finder import NotFound
    from desk.cards import show_card, view_of
    from desk.render.overview import card_json

    try:
        state, card = session.desk.card(name)
    except NotFound:
        return _show_task(session, _task(session, name), full, step, output)
    if step is not None or output is not None:
        return _show_task(session, state, full, step, output)
    show_card(session, state, card, full=full)
    if session.as_json:
        parts = view_of(session, state, card).parts
        effects = [part.effect | {"payload": part.payload} for part in parts]
        session.give(card_json(state, card) | {"effects": effects, "body": card.data["body"]})
    return None


def _task(session: Session, name: str) -> TaskState:
    from agentos.tasks.finder import NotFound

    try:
        return session.desk.task(name)
    except NotFound as error:
        raise NotFound(
            error.message.replace(" task ", " card or task "), hint="`agentos desk` and `agentos status` list them."
        ) from None


def _show_task(session: Session, state: TaskState, full: bool, step: str | None, output: Path | None) -> None:
    if output is not None:
        return _save(session, state, step, output)
    if step is not None:
        return _show_step(session, state, step)
    from desk.reading import goal_of, mark_undone
    from desk.render.result import result_lines
    from desk.render.task import task_lines
    from desk.results import opened, results_of
    from desk.working import task_json

    state, store = mark_undone(session.store, state), session.store
    records = list(store.log.read(correlation=state.id))
    goal, results = goal_of(store, state), results_of(store, state)
    session.show(task_lines(state, records, goal, session.root, session.zone, session.now, session.width))
    for name, result in results.items() if full else ():
        session.show(["", *result_lines(name, result, session.width)])
    if session.as_json:
        events = [record.as_json() for record in records]
        for event, record in zip(events, records, strict=True):
            event["data"] = opened(event["data"], store, record.subject) if full else event["data"]
        session.give(task_json(state) | {"goal": goal, "results": results, "events": events})
    return None


def _show_step(session: Session, state: TaskState, step: str) -> None:
    from desk.render.result import result_lines
    from desk.results import result_of

    result = result_of(session.store, state, step)
    session.show(result_lines(step, result, session.width))
    session.give(result)


def _save(session: Session, state: TaskState, step: str | None, path: Path) -> None:
    """A step without a text is saved as JSON, the form in which it was recorded."""
    import orjson

    from agentos.errors import AgentOSError
    from desk.results import result_of, save, text_in, text_of_task

    if step is None:
        text = text_of_task(session.store, state)
        if text is None:
            hint = f"agentos show {state.id[-8:]} --step NAME --output FILE saves any step's result."
            raise AgentOSError("This task has made no text.", hint=hint, code="task.no_text")
    else:
        result = result_of(session.store, state, step)
        text = text_in(result) or orjson.dumps(result, option=orjson.OPT_INDENT_2).decode()
    save(text, path)
    session.say(f"Saved to {path}")
    session.give({"task": state.id, "step": step, "file": str(path)})
