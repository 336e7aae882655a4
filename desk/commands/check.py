"""`agentos check`: holds the views against what must be true of them."""

from __future__ import annotations

from dataclasses import asdict

import click

from desk.commands.views import views_named
from desk.options import as_command
from desk.render.style import bold, dim
from desk.session import Session


@as_command("check")
@click.argument("views", metavar="[VIEW]...", nargs=-1, shell_complete=views_named)
@click.option("--stale", is_flag=True, help="As they were published last, without reading what is new.")
@click.option("--list", "listed", is_flag=True, help="Say what is expected, and check nothing.")
def command(session: Session, views: tuple[str, ...], stale: bool, listed: bool) -> int:
    """Hold the views (or just VIEW) against what must be true of them: sums that balance, numbers without a gap, as
    many rows as the log has things. Exit code 1 when something does not hold. Takes some seconds to begin."""
    from agentos.views.catalogue import VIEWS, chosen

    names = [view.name for view in chosen(views or None) if not views or view.name in views]
    if listed:
        return _list(session, names)
    if not stale:
        from agentos.views.refresh import refresh

        refresh(session.store, names)
    from agentos.expectations.published import check_published
    from desk.render.verdict import verdict_lines

    verdicts = []
    for name in names:
        verdicts.append(check_published(session.store, name, session.now))
        session.show(verdict_lines(verdicts[-1], VIEWS[name].key, session.wide))
    ok = all(one.ok for one in verdicts)
    session.give({"ok": ok, "views": [asdict(one) | {"ok": one.ok, "misleads": one.misleads} for one in verdicts]})
    return 0 if ok else 1


def _list(session: Session, names: list[str]) -> int:
    from agentos.expectations.check import expected

    listed = {name: expected(name) for name in names}
    for name, says in listed.items():
        session.say(bold(name))
        session.show([dim(f"  {one}") for one in says])
    session.give([{"view": name, "expects": list(says)} for name, says in listed.items()])
    return 0
