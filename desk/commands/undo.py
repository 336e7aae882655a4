"""`agentos undo`: says what is taken back and what that can't reach, asks, and does it as a task of its own."""

from __future__ import annotations

from dataclasses import dataclass

import click

from agentos.ids import short, uuid7
from desk.options import as_command
from desk.render.style import bold, dim, line, warn, wrapped
from desk.session import Session


@dataclass(frozen=True)
class Reach:
    """One effect and its way back. `how` is the outside system's sentence, with what it can't reach."""

    key: str
    title: str
    how: str
    possible: bool


@as_command("undo")
@click.argument("what", metavar="[TASK|EFFECT]", required=False)
@click.option("--only", is_flag=True, help="Just the effect named, and not what rests on it.")
@click.option("--yes", is_flag=True, help="Don't ask.")
def command(session: Session, what: str | None, only: bool, yes: bool) -> int:
    """Take back the last action, everything a task did, or the one effect named with what rests on it. A task that
    still goes on is cancelled by it, so its last action takes all of its actions along."""
    keys = session.desk.undoable(what)
    if not only and len(keys) == 1:
        keys = [*session.desk.resting_on(keys[0]), *keys]
    found = [reach_of(session, key) for key in keys]
    possible = [one for one in found if one.possible]
    for one in found:
        session.say(f"  {'↶' if one.possible else warn('stands:')} {line(one.title)}")
        session.show([dim(text) for text in wrapped(one.how, session.width, "      ")])
    _say_what_else(session, [one.key for one in found])
    if not possible:
        from agentos.tasks.finder import NotFound

        raise NotFound("None of this can be undone.", hint="What can be done instead stands beside each.",
                       code="undo.final")  # fmt: skip
    if session.asks and not yes and not click.confirm("Take it back?", default=False):
        session.say("Nothing was done.")
        return 0
    from desk.working import work_on

    task = session.desk.undo([one.key for one in possible], task=session.hold(uuid7()))
    session.say(f"Task {bold(short(task))}  undoes {len(possible)} of {len(found)}")
    return work_on(session, task)


def _say_what_else(session: Session, keys: list[str]) -> None:
    """Undoing ends a task that still goes on: what it would have done, and what of it stays."""
    from desk.results import proposed

    for state in session.desk.going_on(keys):
        session.say(warn(f"  Task {short(state.id)} still goes on: it is cancelled."))
        for title in proposed(session.store, state):
            session.say(f"  will not happen: {line(title)}")
        stays = [effect for effect in state.effects.values() if effect.is_done and effect.key not in keys]
        for effect in stays:
            session.say(f"  {warn('stands:')} {line(effect.data['title'])}")
        if stays:
            session.say(dim(f"  To take back all of it: agentos undo {short(state.id)}"))


def reach_of(session: Session, key: str) -> Reach:
    """Ask the system itself whether this can be undone: a mail may have left, a verb may be final."""
    from agentos.tasks.items import filled, receipt_of, started_of
    from agentos.tasks.values import unpack

    platform = session.platform
    started, receipt = started_of(platform.log, key), receipt_of(platform.log, key)
    if started is None or started.forgotten or receipt is None:
        return Reach(key, key, "It belongs to a client who was forgotten.", False)
    data = started.data
    system = platform.systems[data["system"]]
    payload = filled(unpack(data["payload"], platform.blobs, started.subject), data["assigned"], data["fill"])
    proposal = system.undo(data["verb"], payload, receipt)
    return Reach(key, data["title"], system.verbs[data["verb"]].undo, proposal is not None)
