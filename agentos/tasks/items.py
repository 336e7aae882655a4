"""What an effects step is to carry out: proposals with their keys and digests, in the order in which they must be
done."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from agentos.effects.port import Proposal, Receipt, System, Verb, effect_key
from agentos.errors import Permanent, Transient
from agentos.events.log import Reader
from agentos.events.record import Record
from agentos.tasks.plan import Step
from agentos.tasks.run import TaskRun
from agentos.tasks.signals import Until
from agentos.tasks.values import digest_of, unpack

MOST_GENERATIONS = 1000


@dataclass(frozen=True)
class Item:
    """One effect to be: `key` is its idempotency key, `digest` that of exactly what is to be approved."""

    proposal: Proposal
    system: System
    key: str
    digest: str
    slot: str
    reasons: tuple[str, ...] = ()
    undoes: str | None = None
    influenced_by: frozenset[str] = field(default_factory=frozenset)
    follows: frozenset[str] = field(default_factory=frozenset)
    """Kinds ("invoice.issue") of the effects of this step that must be done before it."""
    source: str = ""
    after: tuple[str, ...] = ()
    confidence: float | None = None

    @property
    def verb(self) -> Verb:
        return self.system.verbs[self.proposal.verb]


def items_of(run: TaskRun, step: Step) -> list[Item]:
    """The items of a step, in order, from the proposals of the steps it names."""
    found: list[tuple[str, Proposal]] = []
    for source in step.inputs.get("from", ()):
        output = run.output(source) or {}
        found += [(source, Proposal.model_validate(raw)) for raw in output.get("proposals", ())]
    slots = [proposal.slot for _, proposal in found]
    doubled = {slot for slot in slots if slots.count(slot) > 1}
    items = ordered([_item(run, source, proposal, doubled) for source, proposal in found])
    if len({item.key for item in items}) < len(items):
        raise Permanent("Two proposals of this task would be one effect.", code="effect.one_key")
    return items


def undo_items(run: TaskRun, step: Step) -> tuple[list[Item], list[str]]:
    """The items that undo what an undo step names, and sentences on what nothing can undo any more."""
    keys = run.known()["slots"].get("effects") if step.inputs["undo"] == "$slots.effects" else step.inputs["undo"]
    items, stands = [], []
    for key in keys or []:
        try:
            items.append(undo_item(run, key))
        except Permanent as error:
            stands.append(str(error))
    return items, stands


def _flagged(run: TaskRun, source: str) -> list[str]:
    """What a checker found in work that the operator let stand: it must stand on the card, too."""
    understood = run.state.understanding or {}
    found = [f"This was said and not understood: “{words}”" for words in understood.get("unread") or ()]
    if understood.get("guessed"):
        found.append(f"A model, not you, read “{run.plan.workflow}” into the request.")
    for step in run.plan.steps:
        output = run.output(step.id)
        if step.id != source and source in run.plan.downstream(step.id) and isinstance(output, dict):
            found += [f"Not found in the sources: {text}" for text in output.get("unsupported") or ()]
            found += [f"You let this stand: {text}" for text in output.get("accepted") or ()]
    return found


def _item(run: TaskRun, source: str, proposal: Proposal, doubled: set[str]) -> Item:
    """Two steps may name a slot alike: the key holds the source, and the slot too where it must."""

    def named(slot: str) -> str:
        return f"{source}.{slot}" if slot in doubled else slot

    system = system_of(run, proposal.system)
    if proposal.verb not in system.verbs:
        raise Permanent(f"{proposal.system} has no verb {proposal.verb!r}.", code="effect.unknown_verb")
    system.check(proposal.verb, proposal.payload)
    slot = proposal.slot[1:] if proposal.slot.startswith("/") else f"{run.task}/{source}/{proposal.slot}"
    output, labels = run.output(source) or {}, run.state.step(source).labels
    return Item(
        proposal,
        system,
        free_key(run.platform.log, system.account, proposal.verb, slot),
        approved_digest(proposal, system),
        named(proposal.slot),
        reasons=(*output.get("reasons", ()), *_flagged(run, source)),
        influenced_by=frozenset(labels.get("influenced_by", ())),
        source=source,
        after=tuple(named(slot) for slot in proposal.after),
        confidence=run.state.step(source).confidence,
    )


def system_of(run: TaskRun, name: str) -> System:
    system = run.platform.systems.get(name)
    if system is None:
        raise Permanent(f"There is no outside system {name!r}.", code="effect.unknown_system")
    return system


def approved_digest(proposal: Proposal, system: System) -> str:
    """Over everything that an approval covers: all but the title, with the placeholders open."""
    content = proposal.model_dump(mode="json", exclude={"title"})
    return digest_of(content | {"account": system.account})


def free_key(reader: Reader, account: str, verb: str, slot: str) -> str:
    """The key of this slot's present generation: doing it again takes the next one, after an undo and after a doubt
    that
    the operator ended with "it did not happen" (the outside may have kept the old key)."""
    for generation in range(1, MOST_GENERATIONS):
        key = effect_key(account, verb, slot, generation)
        if not is_undone(reader, key) and reader.by_key(f"effect.refuted/{key}") is None:
            return key
    raise Permanent(f"{slot} was undone {MOST_GENERATIONS} times.", code="effect.generations")


def undo_key(key: str) -> str:
    return f"{key}/undo"


def is_undone(reader: Reader, key: str) -> bool:
    return receipt_of(reader, undo_key(key)) is not None


def receipt_of(reader: Reader, key: str) -> Receipt | None:
    """The recorded receipt of an effect, done or found; None while there is none."""
    record = reader.by_key(f"effect.done/{key}")
    return Receipt.model_validate(record.data["receipt"]) if record is not None and not record.forgotten else None


def started_of(reader: Reader, key: str) -> Record | None:
    """The newest recorded start of an effect."""
    newest, attempt = None, 1
    while (record := reader.by_key(f"effect.started/{key}/{attempt}")) is not None:
        newest, attempt = record, attempt + 1
    return newest


def taken_by_another(run: TaskRun, item: Item) -> bool:
    """Whether another task has done something else under this key: its receipt says nothing of this item. The very same
    is something else too when it was done after the proposing step had begun to look: two payments of one amount are
    two. What was adopted after a restore was approved by nobody, and counts as what was meant."""
    log = run.platform.log
    started, done = started_of(log, item.key), log.by_key(f"effect.done/{item.key}")
    if started is None or started.forgotten or started.stream == run.stream or item.undoes is not None:
        return False
    approved = started.data["approved"]
    if done is None or done.forgotten or not approved:
        return False
    return approved != item.digest or _looked_before(run, item, done)


def _looked_before(run: TaskRun, item: Item, done: Record) -> bool:
    """A round's first attempt: what it asked is answered from the record ever after, however long a question waits."""
    round = run.state.step(item.source).round
    begun = run.platform.log.by_key(f"step.started/{run.task}/{item.source}/{round}/1")
    return begun is not None and begun.seq < done.seq


def undo_item(run: TaskRun, key: str) -> Item:
    """The effect that undoes effect `key`. Raises Permanent when it was never done, is undone, or nothing can undo
    it."""
    log = run.platform.log
    started, receipt = started_of(log, key), receipt_of(log, key)
    if started is None or receipt is None:
        raise Permanent(f"{key} was not done, so there is nothing to undo.", code="undo.not_done")
    data = started.data
    system = system_of(run, data["system"])
    payload = filled(unpack(data["payload"], run.platform.blobs, started.subject), data["assigned"], data["fill"])
    try:
        proposal = system.undo(data["verb"], payload, receipt)
    except Transient as error:
        again = run.now() + timedelta(seconds=error.retry_after or 30)
        raise Until(again, f"{data['title']}: how to undo it could not be looked up: {error}") from None
    except (KeyError, TypeError, ValueError) as error:  # a receipt by hand lacks what a system would have said
        raise Permanent(f"{data['title']}: its receipt does not say enough ({error}).", code="undo.receipt") from None
    if proposal is None:
        sentence = system.verbs[data["verb"]].undo
        raise Permanent(f"{data['title']}: can't be undone. {sentence}", code="undo.final")
    proposal = proposal.model_copy(update={"subject": proposal.subject or started.subject})
    digest = approved_digest(proposal, system)
    return Item(proposal, system, undo_key(key), digest, proposal.slot, undoes=key)


def ordered(items: list[Item]) -> list[Item]:
    """Each item after those its proposal names in `after`; otherwise the given order. A cycle is Permanent."""
    left, done, result = list(items), dict[str, frozenset[str]](), list[Item]()
    slots = {item.slot for item in items}
    while left:
        ready = next((i for i in left if set(i.after) & slots <= done.keys()), None)
        if ready is None:
            raise Permanent("The proposals wait for each other.", code="effect.cycle")
        left.remove(ready)
        follows = frozenset().union(*(done[slot] for slot in ready.after if slot in done))
        done[ready.slot] = follows | {f"{ready.proposal.system}.{ready.proposal.verb}"}
        result.append(replace(ready, follows=follows))
    return result


def filled(payload: dict[str, Any], assigned: dict[str, str], fill: list[str] | tuple[str, ...]) -> dict[str, Any]:
    """`payload` with ⟦name⟧ replaced by its assigned value in the texts at the JSON pointers of `fill`, and nowhere
    else."""
    result = payload
    for pointer in fill:
        result = _replace(result, [_unescape(part) for part in pointer.split("/")[1:]], assigned)
    return result


def _replace(value: Any, path: list[str], assigned: dict[str, str]) -> Any:
    if not path:
        if not isinstance(value, str):
            raise Permanent("A placeholder stands where there is no text.", code="effect.placeholder")
        for name, text in assigned.items():
            value = value.replace(f"⟦{name}⟧", text)
        return value
    head, rest = path[0], path[1:]
    if isinstance(value, list):
        index = int(head)
        return [_replace(part, rest, assigned) if i == index else part for i, part in enumerate(value)]
    if not isinstance(value, dict) or head not in value:
        raise Permanent(f"The placeholder path {head!r} leads nowhere.", code="effect.placeholder")
    return {key: _replace(part, rest, assigned) if key == head else part for key, part in value.items()}


def _unescape(part: str) -> str:
    return part.replace("~1", "/").replace("~0", "~")
