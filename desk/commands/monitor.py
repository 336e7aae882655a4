"""`agentos monitor`: looks at the views now, and lays on the desk what the operator would want to be told."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from agentos.ids import short
from desk.options import as_command
from desk.render.style import counted, dim, good, warn
from desk.session import Session

if TYPE_CHECKING:
    from agentos.monitor.watching import Seen

_STANDS = {"opened": "new", "told": "told before", "waits": "waits behind another card", "over": "over"}


@as_command("monitor")
def command(session: Session) -> int:
    """Look at invoices, effects, cards, tasks, costs and agents now. What is new becomes a card, one for each kind;
    what is over takes its card away. Exits 1 while there is something to tell. monitor.toml holds the thresholds."""
    from agentos.monitor.watching import watch
    from graphs.advance import advance

    platform = session.platform
    seen = watch(platform)
    for task in dict.fromkeys(one.task for one in seen if one.status == "opened" and one.task is not None):
        asyncio.run(
            advance(platform, task, by="monitor")
        )  # as far as its card: nobody may be at work in the background
    there = [one for one in seen if one.status != "over"]
    if not there:
        session.say(f"{good('✓')} nothing to tell")
    else:
        session.say(f"{warn('!')} {counted(len(there), 'finding')}")
    for one in seen:
        _say(session, one)
    session.give({"ok": not there, "findings": [one.as_json() for one in seen]})
    return 1 if there else 0


def _say(session: Session, seen: Seen) -> None:
    found = seen.finding
    figures = f"  {found.seen}, told from {found.limit} on; since {found.since[:16]}" if found is not None else ""
    session.say(f"  - {seen.fingerprint}{figures}")
    cards = session.desk.load(seen.task).open_cards() if seen.task is not None else []
    session.say(
        dim("    " + "    ".join([_STANDS[seen.status], *(f"agentos show {short(card.id)}" for card in cards)]))
    )
