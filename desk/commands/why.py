"""`agentos why`: a row of a view, and the events that it comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from agentos.errors import AgentOSError
from desk.commands.views import refreshed, views_named
from desk.options import as_command
from desk.session import Session

if TYPE_CHECKING:
    from agentos.events.record import Record
    from agentos.views.view import View

MOST = 100
"""Events that are shown; --json holds them all."""


@as_command("why")
@click.argument("view", shell_complete=views_named)
@click.argument("key", nargs=-1, required=True)
@click.option("--stale", is_flag=True, help="As it was published last, without reading what is new.")
def command(session: Session, view: str, key: tuple[str, ...], stale: bool) -> None:
    """Why a row of VIEW says what it says: the row, and every event it comes from. KEY is what names the row; the end
    of an id is enough.

    \b
    agentos why invoices 2026-0001
    agentos why receivables acme-studio
    agentos why steps c6fc9fa4 draft
    """
    from agentos.views.catalogue import VIEWS, chosen
    from desk.render.event import event_line
    from desk.render.style import counted, dim
    from desk.render.views import row_json, row_lines

    chosen([view])
    if not stale:
        refreshed(session, [view])
    row = _row(session, VIEWS[view], key)
    records = [record for seq in row["seqs"] for record in _event(session, seq)]
    session.show([*row_lines(row, session.zone, session.now), ""])
    session.show([event_line(record, session.zone, session.wide) for record in records[:MOST]])
    if len(records) > MOST:
        session.say(dim(f"and {counted(len(records) - MOST, 'event')} more (--json lists them)"))
    session.give(row_json(row) | {"events": [record.as_json() for record in records]})


def _event(session: Session, seq: int) -> list[Record]:
    return list(session.store.log.read(after=seq - 1, limit=1))


def _row(session: Session, view: View, words: tuple[str, ...]) -> dict[str, Any]:
    """The one row that these words name. Raises AgentOSError for none and for several."""
    from agentos.views.read import read_view

    rows = [row for row in read_view(session.root, view.name).iter_rows(named=True) if _is_named(row, view.key, words)]
    exact = [row for row in rows if all(word in _names(row, view.key) for word in words)]
    found = exact if len(exact) == 1 else rows
    if len(found) == 1:
        return found[0]
    said = " ".join(words)
    if not found:
        raise AgentOSError(
            f"No row of {view.name} is named {said!r}.",
            hint=f"A row is named by its {' and '.join(view.key)}; `agentos views {view.name}` lists them.",
            code="view.no_row",
        )
    some = "; ".join(" ".join(_names(row, view.key)) for row in found[:4])
    raise AgentOSError(
        f"{len(found)} rows of {view.name} are named {said!r}.", hint=f"Say more: {some}.", code="view.many_rows"
    )


def _is_named(row: dict[str, Any], key: tuple[str, ...], words: tuple[str, ...]) -> bool:
    names = _names(row, key)
    return all(any(name == word or name.endswith(word) for name in names) for word in words)


def _names(row: dict[str, Any], key: tuple[str, ...]) -> list[str]:
    return [str(row[name]) for name in key if row[name] is not None]
