"""`agentos start`: verifies the log first, a damaged one is not started by accident; after a restore it looks at what
happened outside since the backup."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from agentos.events.epoch import unobserved
from desk.options import as_command
from desk.render.style import counted, dim, good, line, warn
from desk.session import Session

if TYPE_CHECKING:
    from agentos.tasks.adopting import Adoption


@as_command("start")
@click.option("--accept-damage", default="", metavar="REASON", help="Go on with a log that is not what was written.")
def command(session: Session, accept_damage: str) -> None:
    """Go on after `agentos stop`, or after a restore, once the log is verified; after a restore what happened outside
    since the backup is adopted first."""
    verdict = session.desk.verified(
        accept_damage=accept_damage, progress=lambda done: session.say(dim(f"  {done} events verified ..."))
    )
    if not verdict.ok:
        session.say(warn(f"Recorded, and passed over from now on: {line(verdict.why)}"))
    adopted = _adopted(session) if unobserved(session.store.log) is not None else None
    if adopted is None:
        session.desk.go_on()
    session.say(f"{good('Started.')} Tasks go on under `agentos up`, or with `agentos resume`.")
    accepted = {"stopped": False, "accepted": [fault.why for fault in verdict.faults]}
    session.give(accepted | (_json(adopted) if adopted is not None else {}))


def _adopted(session: Session) -> Adoption | None:
    from agentos.tasks.adopting import adopt_and_start

    found = adopt_and_start(session.platform)
    if found is not None:
        _say(session, found)
    return found


def _say(session: Session, adopted: Adoption) -> None:
    what = counted(len(adopted.found), "thing") if adopted.found else "nothing"
    session.say(f"Looked outside: {what} happened since the backup.")
    for one in adopted.found:
        session.say(f"  {good('✓')} {line(one.title)}  {dim(line(one.key))}")
    for title in adopted.unsure:
        session.say(f"  {warn('?')} {line(title)}: it can't be told whether it happened; look yourself")
    if adopted.asked_again:
        session.say(
            dim(f"  {counted(adopted.asked_again, 'card')} from before the backup no longer counts or is asked again")
        )


def _json(adopted: Adoption) -> dict[str, object]:
    found = [{"effect": one.key, "title": one.title, "ref": one.receipt.ref} for one in adopted.found]
    return {"adopted": found, "unsure": list(adopted.unsure), "cards_void": adopted.asked_again, "task": adopted.task}
