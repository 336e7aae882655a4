"""`agentos ask`: a question about the business, answered from the views. Nothing is done, whatever the words say."""

from __future__ import annotations

from typing import Any

import click

from agentos.ids import uuid7
from agentos.tasks.state import TaskState
from desk.options import as_command
from desk.session import Session

STEP = "answer"


@as_command("ask")
@click.argument("text", nargs=-1, required=True)
def command(session: Session, text: tuple[str, ...]) -> int:
    """Ask what happened, what is owed, what it cost. TEXT is a question, as in "What does Acme owe?"."""
    from desk.submitting import asks
    from desk.working import work_on
    from graphs.intake import ASK

    task = session.desk.submit(" ".join(text), check=asks(session.root), trigger=ASK, task=session.hold(uuid7()))
    return work_on(session, task, quiet=True, told=lambda state: _told(session, state))


def _told(session: Session, state: TaskState) -> bool:
    """Says the answer; False where there is none, because the task ended otherwise."""
    from agents.text.answers import told
    from desk.render.answer import answer_lines
    from desk.results import output_of

    output = output_of(session.store, state, STEP) if state.status == "completed" else None
    if output is None:
        return False
    clients = session.platform.workspace.clients
    answer = told(output, {id: client.name for id, client in clients.items()})
    session.show(answer_lines(answer, session.width))
    session.give(_json(state, output, answer.sentence))
    return True


def _json(state: TaskState, output: dict[str, Any], sentence: str) -> dict[str, Any]:
    """`understood` is whether there was a query at all; `rows` hold the seqs of their events."""
    return {
        "task": state.id, "understood": output["query"] is not None, "answer": sentence, "query": output["query"],
        "rows": output["rows"], "total": output["total"], "as_of": output["as_of"], "guessed": output["guessed"],
    }  # fmt: skip
