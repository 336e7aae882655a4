"""Clients' data: sealed with their own key, and nowhere in the open."""

from __future__ import annotations

from collections.abc import Iterator

from agentos.events.blobs import blobs_in
from agentos.events.record import Record
from agentos.invariants.registry import EVERY, before
from agentos.invariants.world import World
from agentos.secrets.sealing import MARK
from agentos.tasks.run import intent_subject

OPEN = ("model.reserved", "model.settled", "task.failed")
"""Events of a client's task that stand in the open: amounts and ids; the failure of one who was forgotten."""


@before("sealed.subject", EVERY)
def subject(world: World, record: Record) -> Iterator[str]:
    """What is about a client is sealed, and opens with that client's key; nothing else is sealed."""
    if record.stored.startswith(MARK) != (record.subject is not None):
        yield "it is about a client and not sealed" if record.subject else "it is sealed, and names no client"


@before("sealed.task", EVERY)
def task(world: World, record: Record) -> Iterator[str]:
    """Once a task is a client's, all of its events are sealed but for the sums that budgets are kept by."""
    found = world.task(record)
    if found is not None and found.state.subject and record.subject is None and record.type not in OPEN:
        yield f"{record.type} stands in the open"


@before("sealed.names", EVERY)
def names(world: World, record: Record) -> Iterator[str]:
    """No client's name or address stands in the open, but in a request of which the rules could not tell whose it is,
    and in what is asked, answered and planned about that one."""
    if record.subject is not None or record.type.startswith("intent.") or _is_nobodys(world, record):
        return
    envelope = f"{record.stream} {record.key or ''}"
    for client, known in world.clients.items():
        for name in known:
            if name.encode() in record.stored or name in envelope:
                yield f"it names client {client}"


def _is_nobodys(world: World, record: Record) -> bool:
    """What a task says of a request that is no client's: a post about one is not her data."""
    if not record.type.startswith(("approval.", "task.")):
        return False
    task = world.task(record)
    return task is None or intent_subject(world.store.log, task.state) is None


@before("blob.kept", EVERY)
def blob_kept(world: World, record: Record) -> Iterator[str]:
    """Every blob that an event names is there, is what was stored, and opens with the event's key."""
    from agentos.errors import AgentOSError

    for name in blobs_in(record.data):
        if name in world.blobs:
            continue
        world.blobs.add(name)
        try:
            world.store.blobs.get(name, record.subject)
        except AgentOSError as error:
            yield error.message
