"""`agentos edit`."""

from __future__ import annotations

from typing import TextIO

import click

from desk.deciding import cards_named, then_on
from desk.options import as_command
from desk.session import Session


@as_command("edit")
@click.argument("card", shell_complete=cards_named)
@click.option("--slot", type=click.Choice(["post", "mail"]), help="Which text; the post where there is one.")
@click.option("--file", type=click.File("r", encoding="utf-8"), help='The new text; "-" reads standard input.')
@click.option("--title", help="The post's new title, or the mail's new subject.")
@click.option("--summary", help="The post's new summary; without it a new text gets one from its first sentences.")
@click.option("--no-wait", is_flag=True, help="Record it only; `agentos up` or `agentos resume` goes on.")
def command(
    session: Session,
    card: str,
    slot: str | None,
    file: TextIO | None,
    title: str | None,
    summary: str | None,
    no_wait: bool,
) -> int:
    """Change the post or the mail on CARD, in $EDITOR or from a file; a new card then shows what has changed."""
    from desk.editing import edit_card
    from desk.working import task_json

    state, shown = session.desk.card(card)
    text = None if file is None else _read(file)
    edited = edit_card(session, state, shown, slot=slot, text=text, title=title, summary=summary, goes_on=not no_wait)
    if edited is None:
        session.give(task_json(state))
        return 0
    return then_on(session, edited, "Edited", wait=not no_wait)


def _read(file: TextIO) -> str:
    try:
        return str(file.read())
    except UnicodeDecodeError:
        raise click.UsageError("The file is not UTF-8 text.") from None
