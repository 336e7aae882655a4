"""An effect: what was approved, nothing else, at most once, and never against a no."""

from __future__ import annotations

from collections.abc import Iterator

from agentos.errors import AgentOSError
from agentos.events.record import Record
from agentos.invariants.registry import at_the_end, before
from agentos.invariants.tasks import proposals_of
from agentos.invariants.world import CLOSING, RECEIPTS, Effect, Task, World, effect_of
from agentos.tasks.items import filled
from agentos.tasks.values import digest_of, unpack

ADOPTED = "adopted"


@before("effect.once", *RECEIPTS)
def once(world: World, record: Record) -> Iterator[str]:
    """A key has at most one receipt, whether done or found."""
    effect = world.effects.get(effect_of(record))
    if effect is not None and effect.done:
        yield f"{effect.key} has a receipt since event {effect.done}"


@before("effect.begun", *RECEIPTS, "effect.failed", "effect.in_doubt")
def begun(world: World, record: Record) -> Iterator[str]:
    """What came of an effect is recorded only after its start was."""
    effect = world.effects.get(effect_of(record))
    if effect is None or not effect.started:
        yield f"{effect_of(record)} never began"


@before("effect.again", "effect.started")
def again(world: World, record: Record) -> Iterator[str]:
    """An effect starts again only after its try before was recorded as failed, lost or refuted, and never when done."""
    effect = world.effects.get(effect_of(record), Effect(""))
    if effect.done:
        yield f"{effect.key} is done since event {effect.done}"
    elif effect.status not in ("", "failed"):
        yield f"try {effect.attempt} of {effect.key} is {effect.status}"
    if record.data["attempt"] != effect.attempt + 1:
        yield f"try {record.data['attempt']} follows try {effect.attempt}"


@before("effect.proposed", "effect.started")
def proposed(world: World, record: Record) -> Iterator[str]:
    """What is done is what its step proposed, with the operator's edits: the same digest."""
    task = world.task(record)
    data = record.data
    if task is None or data["undoes"] or not data.get("source") or data["authority"] == ADOPTED:
        return
    from agentos.effects.port import Proposal

    for group in proposals_of(world, task, data["source"]):
        for raw in group:
            content = Proposal.model_validate(raw).model_dump(mode="json", exclude={"title"})
            if digest_of(content | {"account": data["account"]}) == data["approved"]:
                return
    yield f"{data['source']} proposed nothing with digest {data['approved'][:16]}"


@before("effect.rests", "effect.started")
def rests(world: World, record: Record) -> Iterator[str]:
    """What an effect rests on stands when it begins: no payment is booked on an invoice that was taken back."""
    data = record.data
    task = world.task(record)
    if task is None or not data.get("source") or data["authority"] == ADOPTED:
        return
    made = (raw for group in proposals_of(world, task, data["source"]) for raw in group)
    for key in (key for raw in made if raw.get("slot") == data["slot"] for key in raw.get("rests_on", ())):
        target = world.effects.get(key)
        if target is None or not target.done or target.undone:
            yield f"{data['effect']} rests on {key}, which does not stand"


@before("effect.payload", "effect.started")
def payload(world: World, record: Record) -> Iterator[str]:
    """The payload that is handed over is the approved one with what was assigned last, and has the digest on record."""
    data = record.data
    try:
        approved = unpack(data["payload"], world.store.blobs, record.subject)
    except AgentOSError:
        return  # `blob.kept` says it
    if approved is not None and digest_of(filled(approved, data["assigned"], data["fill"])) != data["payload_digest"]:
        yield f"{data['effect']}: the payload does not have its digest"


@before("effect.authority", "effect.started")
def authority(world: World, record: Record) -> Iterator[str]:
    """An effect has an authority: a grant of its key and digest, policy's allow, or, to undo, the operator's word or an
    unwind; what was done after a backup is adopted after the restore, and only then."""
    task = world.task(record)
    data = record.data
    by = data["authority"]
    if task is None or by == "policy":
        return
    if by == ADOPTED:
        if not world.looking:
            yield "it is adopted, and no restore was being looked after"
        return
    if by in ("operator", "unwind"):
        if not data["undoes"]:
            yield f"{by} lets it happen, and it undoes nothing"
        if by == "operator" and task.state.trigger != "undo":
            yield "nobody asked for the undo"
        return
    card = task.state.cards.get(by)
    if card is None or card.status != "granted":
        yield f"its card {by} is {card.status if card is not None else 'not there'}"
    elif card.granted.get(data["effect"]) != data["approved"]:
        yield f"its card {by} does not grant {data['effect']} with this digest"


@before("effect.denied", "effect.started")
def denied(world: World, record: Record) -> Iterator[str]:
    """What was denied, struck out or left to expire is not done, unless a later card grants it."""
    task = world.task(record)
    one = (record.data["effect"], record.data["approved"])
    if task is not None and one in task.refused:
        yield f"{one[0]} was {task.refused[one]}"


@before("effect.stopped", "effect.started", "model.reserved")
def stopped(world: World, record: Record) -> Iterator[str]:
    """Nothing is done outside and no model is asked while the platform is stopped. What is adopted was done before."""
    adopted = record.type == "effect.started" and not record.forgotten and record.data["authority"] == ADOPTED
    if world.stopped and not (adopted and world.looking):
        yield f"{record.type} while stopped"


@before("effect.rehearsed", "effect.started")
def rehearsed(world: World, record: Record) -> Iterator[str]:
    """A rehearsal does nothing outside."""
    task = world.task(record)
    if task is not None and task.state.rehearsal:
        yield f"{record.data['effect']} began in a rehearsal"


@before("undo.done", "effect.started")
def undo_done(world: World, record: Record) -> Iterator[str]:
    """Only what is done is undone, and only once."""
    undoes = record.data["undoes"]
    if not undoes:
        return
    target = world.effects.get(undoes)
    if target is None or not target.done:
        yield f"{undoes} is not done"
    elif target.undone:
        yield f"{undoes} was undone in event {target.undone}"


@before("undo.order", "effect.started")
def undo_order(world: World, record: Record) -> Iterator[str]:
    """A task undoes newest first."""
    task, target = world.task(record), world.effects.get(record.data["undoes"] or "")
    if task is None or target is None or target in task.undone or not task.undone:
        return
    last = task.undone[-1]
    began = world.effects[f"{last.key}/undo"].started
    if target.started > last.started and target.done < began:  # a receipt found meanwhile could not be known
        yield f"{target.key} is newer than {last.key}, which was undone before it"


@before("effect.doubt", "task.parked", *CLOSING)
def doubt(world: World, record: Record) -> Iterator[str]:
    """An effect in doubt has a card that asks about it."""
    task = world.task(record)
    if task is not None:
        yield from _unasked(task)


@at_the_end("effect.doubt_asked")
def doubt_asked(world: World, task: Task) -> Iterator[str]:
    """No effect is left in doubt without a card."""
    yield from _unasked(task)


def _unasked(task: Task) -> Iterator[str]:
    for effect in task.effects.values():
        card = task.state.card_about("doubt", effect.key)
        if effect.status == "in_doubt" and (card is None or card.data["body"]["attempt"] != effect.doubts):
            yield f"{effect.key} is in doubt, and no card asks"
