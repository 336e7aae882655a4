"""`agentos views`: what there is to look at, and one of them as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

from desk.options import as_command
from desk.session import Session

if TYPE_CHECKING:
    from agentos.views.view import View

MOST = 50


def views_named(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from agentos.views.catalogue import VIEWS

    return [CompletionItem(name, help=view.title) for name, view in VIEWS.items() if name.startswith(incomplete)]


@as_command("views")
@click.argument("name", required=False, shell_complete=views_named)
@click.option("--last", "most", type=click.IntRange(1), default=MOST, show_default=True, help="Rows that are shown.")
@click.option("--all", "whole", is_flag=True, help="Every row and every column, as wide as they are.")
@click.option("--stale", is_flag=True, help="As they were published last, without reading what is new.")
def command(session: Session, name: str | None, most: int, whole: bool, stale: bool) -> None:
    """What the log says, as tables: tasks, invoices, receivables, costs and more. With NAME that one's rows.

    \b
    agentos views
    agentos views receivables
    agentos views tasks --json
    agentos why invoices 2026-0001
    """
    from agentos.views.catalogue import chosen

    wanted = [name] if name is not None else None
    views = chosen(wanted)
    if not stale:
        refreshed(session, wanted)
    if name is None:
        return _list(session, views)
    return _table(session, name, None if whole else most)


def refreshed(session: Session, wanted: list[str] | None) -> None:
    from agentos.views.refresh import refresh
    from agentos.views.sql import publish_sql

    refresh(session.store, wanted, now=session.now)
    publish_sql(session.root)


def _list(session: Session, views: list[View]) -> None:
    from agentos.views.read import path_of, view_at
    from desk.render.views import list_lines

    cursors = {view.name: view_at(path_of(session.root, view.name)) for view in views}
    session.show(list_lines(views, cursors, session.wide))
    session.give(
        [{"view": view.name, "title": view.title, "group": view.group, "key": list(view.key),
          "rows": at.rows if at else None, "seq": at.seq if at else None,
          "columns": {column: one.description for column, one in view.columns.items()}}
         for view in views for at in [cursors[view.name]]]
    )  # fmt: skip


def _table(session: Session, name: str, most: int | None) -> None:
    from agentos.views.catalogue import VIEWS
    from agentos.views.read import read_view
    from desk.render.views import row_json, table_lines

    frame = read_view(session.root, name)
    shown = frame if most is None else frame.tail(most)
    lines = table_lines(VIEWS[name], shown, frame.height, session.zone, session.now, session.wide, all=most is None)
    session.show(lines)
    session.give([row_json(row) for row in frame.iter_rows(named=True)])
