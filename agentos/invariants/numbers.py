"""A number series: gap-free, each number once, and each used or voided, never both."""

from __future__ import annotations

from collections.abc import Iterator

from agentos.errors import AgentOSError
from agentos.events.record import Record
from agentos.invariants.registry import before
from agentos.invariants.world import CLOSING, Series, World, task_of
from agentos.tasks.values import unpack


@before("number.series", "number.assigned")
def series(world: World, record: Record) -> Iterator[str]:
    """A series has no gap and no number twice; only agentos.toml may make it go on higher."""
    data = record.data
    known = world.series.get(data["series"], Series())
    if data["text"] in known.texts:
        yield f"{data['text']} was assigned before"
    if known.first:
        return
    if data["number"] <= known.last:
        yield f"{data['number']} follows {known.last}"
    elif data["number"] > known.last + 1 and data["number"] != _configured(world) and not world.restored:
        yield f"{data['number']} follows {known.last}: a gap"


@before("number.void", "number.voided")
def void(world: World, record: Record) -> Iterator[str]:
    """A number is voided once, and only where its effect was not done with it."""
    number = (record.data["series"], record.data["number"])
    if number not in world.numbers:
        yield f"{record.data['text']} is used, voided already, or was never assigned"
        return
    effect = world.effects.get(world.numbers[number][0])
    if effect is not None and effect.done and number in effect.numbers:
        yield f"{record.data['text']} is used by {effect.key}"


@before("number.again", "effect.started")
def again(world: World, record: Record) -> Iterator[str]:
    """A voided number is given to nothing any more."""
    for text in world.voided.intersection(record.data["assigned"].values()):
        yield f"{text} was voided"


@before("number.used", *CLOSING)
def used(world: World, record: Record) -> Iterator[str]:
    """Every number of a closed task is in a receipt, or voided on the record, or in an effect that is told as in doubt.

    What is voided with the closing itself stands just behind it in the same append.
    """
    task = task_of(record)
    for (name, number), (key, of) in world.numbers.items():
        effect = world.effects.get(key)
        unsure = effect is not None and effect.status in ("started", "in_doubt") and record.type == "task.failed"
        voided = world.store.log.by_key(f"number.voided/{name}/{number}")
        if of == task and not unsure and voided is None:
            yield f"{name} {number} of {key} is neither used nor voided"


@before("number.effect", "effect.started")
def effect(world: World, record: Record) -> Iterator[str]:
    """A number stands in the start of the effect that it was assigned to."""
    for (name, number), (key, _) in world.numbers.items():
        started = world.effects.get(key)
        if key != record.data["effect"] and (started is None or not started.started):
            yield f"{name} {number} was assigned to {key}, which did not begin with it"


@before("credit.invoice", "effect.started")
def credit(world: World, record: Record) -> Iterator[str]:
    """A credit note names an invoice that was issued."""
    data = record.data
    if (data["system"], data["verb"]) != ("invoice", "credit"):
        return
    try:
        payload = unpack(data["payload"], world.store.blobs, record.subject)
    except AgentOSError:
        return  # `blob.kept` says it
    if not isinstance(payload, dict):
        return
    number = (payload.get("invoice") or {}).get("number")
    if number not in world.series.get("invoice", Series()).texts:
        yield f"there is no invoice {number}"


def _configured(world: World) -> int | None:
    business = world.toml(world.files.get("agentos.toml")).get("business")
    invoice = business.get("invoice") if isinstance(business, dict) else None
    return invoice.get("next_number") if isinstance(invoice, dict) else None
