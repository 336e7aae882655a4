"""After a restore, grants from before it are void: what was approved then is asked again."""

from __future__ import annotations

from collections.abc import Iterator

from agentos.events.log import Reader
from agentos.events.record import NewEvent
from agentos.events.types import ApprovalSuperseded, ApprovalWithdrawn, Fact, TaskCancelled
from agentos.platform import Platform
from agentos.tasks.items import receipt_of
from agentos.tasks.run import CLOSING, stream_of
from agentos.tasks.state import CardState, TaskState, fold


def void_grants(platform: Platform, restored: int, found: frozenset[str], undone: frozenset[str]) -> Iterator[NewEvent]:
    """Cards of open tasks that no longer count. `restored`: seq of `platform.restored`; `found`: keys adopted now;
    `undone`: tasks of which something was undone meanwhile, and which `agentos undo` had closed before it did so."""
    log = platform.log
    closed = {record.stream for record in log.read(types=CLOSING)}
    for record in log.read(types=("task.opened",)):
        if record.stream in closed:
            continue
        state = fold(record.stream.removeprefix("task/"), log.read(stream=record.stream))
        if state.subject is not None and platform.store.sealer.keys.get_or_make(state.subject) is None:
            continue  # nothing more is recorded of a client who was forgotten
        if state.id in undone:
            yield from _cancelled(state)
            continue
        for card in state.cards.values():
            if why := _void(log, card, restored, found):
                yield _on(state, ApprovalSuperseded(card=card.id, why=why), f"approval.superseded/{card.id}")


def _cancelled(state: TaskState) -> Iterator[NewEvent]:
    why = "what it did was undone after the backup"
    yield _on(state, TaskCancelled(why=why), f"task.closed/{state.id}")
    for card in state.open_cards():
        yield _on(state, ApprovalWithdrawn(card=card.id, why=why), f"approval.withdrawn/{card.id}")


def _void(log: Reader, card: CardState, restored: int, found: frozenset[str]) -> str:
    if card.status == "open":
        about = {effect["key"] for effect in card.data["effects"]} | {card.data["body"].get("effect")}
        return "what it asks about was found done after a restore" if about & found else ""
    if card.status != "granted":
        return ""
    granted = log.by_key(f"approval.granted/{card.id}")
    if granted is None or granted.seq > restored:
        return ""
    left = [key for key in card.granted if key not in found and receipt_of(log, key) is None]
    return "it was granted before a restore" if left or card.kind == "budget" else ""


def _on(state: TaskState, fact: Fact, key: str) -> NewEvent:
    return fact.on(stream_of(state.id), key=key, subject=state.subject, correlation=state.id)
