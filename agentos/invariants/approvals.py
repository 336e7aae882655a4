"""A card: answered once, for what it showed."""

from __future__ import annotations

from collections.abc import Iterator

from agentos.events.record import Record
from agentos.invariants.registry import at_the_end, before
from agentos.invariants.world import Task, World

DECISIONS = (
    "approval.granted", "approval.denied", "approval.answered", "approval.edited", "approval.expired",
    "approval.superseded", "approval.withdrawn",
)  # fmt: skip


@before("card.once", *DECISIONS)
def once(world: World, record: Record) -> Iterator[str]:
    """A card is decided once; only a denial may follow a grant, and only before its effects began. A restore voids the
    grants from before it."""
    task = world.task(record)
    if task is None:
        return
    card = task.state.cards.get(record.data["card"])
    if card is None:
        yield f"card {record.data['card']} was never asked"
    elif card.status == "granted" and record.type == "approval.denied":
        begun = [key for key in card.granted if key in task.effects]
        if begun:
            yield f"denied after {begun[0]} began"
    elif card.status != "open" and not (world.looking and record.type == "approval.superseded"):
        yield f"card {card.id} is {card.status} already"


@before("card.grant", "approval.granted")
def grant(world: World, record: Record) -> Iterator[str]:
    """A grant is for keys and digests that its card showed, and for nothing else."""
    task = world.task(record)
    card = task.state.cards.get(record.data["card"]) if task is not None else None
    if card is None:
        return
    shown = {(effect["key"], effect["digest"]) for effect in card.data["effects"]}
    for granted in record.data["effects"]:
        if (granted["key"], granted["digest"]) not in shown:
            yield f"{granted['key']} was not on the card"
    if card.expires_at is not None and record.at >= card.expires_at:
        yield "the card had expired"


@at_the_end("card.wakes")
def wakes(world: World, task: Task) -> Iterator[str]:
    """A parked task waits for something that can still happen: an open card, one just answered, or a moment."""
    state = task.state
    if task.blind or state.status != "parked":
        return
    if not any(why.get("until") or why.get("on") in state.cards for why in state.parked):
        yield "it waits for nothing that could happen"
