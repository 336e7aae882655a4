"""The fold of a task's stream: total, deterministic, and the same however far it was read at a time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from agentos.clock import micros
from agentos.events.record import FORGOTTEN, Record
from agentos.events.types import FACTS
from agentos.tasks.readiness import can_go_on, due_at
from agentos.tasks.state import TaskState, apply, fold

AT = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
STEPS = ("research", "draft", "deliver")
CARDS = ("c1", "c2")
EFFECTS = ("site:main/publish/t/post", "site:main/publish/t/post/undo")
PLAN = {"steps": [{"id": id, "needs": list(STEPS[:n])[-1:]} for n, id in enumerate(STEPS)]}

step = st.sampled_from(STEPS)
small = st.integers(1, 3)
words = st.sampled_from(["", "why", "retry", "accept", "cancel", "leave"])
moment = st.none() | st.just((AT + timedelta(hours=1)).isoformat())
cost = st.none() | st.builds(lambda n: {"amount": str(n), "currency": "USD"}, st.decimals(0, 9, places=3))
choice = {"card": st.sampled_from(CARDS), "via": st.just("terminal")}


def payload(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(fields)


call = payload(call=st.sampled_from(["a", "b"]), step=step, cost=cost, tokens=small, tier=st.just("small"))
start = payload(
    effect=st.sampled_from(EFFECTS), attempt=small, title=words, slot=words, assigned=st.just({}),
    undoes=st.sampled_from([None, EFFECTS[0]]),
)  # fmt: skip
granted = st.lists(st.just({"key": EFFECTS[0], "digest": "d"}), max_size=1)
PAYLOADS: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "task.opened": payload(
        task=st.just("t"), intent=st.just("i"), trigger=words, rehearsal=st.booleans(), by=moment, budget=cost
    ),
    "task.planned": payload(understanding=st.just({}), plan=st.just(PLAN), estimate=st.just({})),
    "task.parked": payload(why=st.lists(payload(kind=words, on=st.sampled_from(CARDS), until=moment, why=words))),
    "task.resumed": payload(by=words),
    "task.completed": payload(summary=words, actual=st.just({})),
    "task.failed": payload(code=words, why=words),
    "task.cancelled": payload(why=words),
    "step.started": payload(
        step=step, round=small, attempt=small, agent=words, agent_version=words, tier=words,
        now=st.just(AT.isoformat()), seed=words,
    ),
    "step.completed": payload(
        step=step, round=small, output=st.just({}), confidence=st.none() | st.just(0.5), labels=st.just({})
    ),
    "step.failed": payload(
        step=step, round=small, attempt=small, kind=st.sampled_from(["transient", "semantic", "permanent"]),
        code=words, reasons=st.lists(words, max_size=2), retry_at=moment, redo=st.none() | step,
    ),
    "tool.called": payload(step=step),
    "model.reserved": call,
    "model.called": call,
    "model.settled": call,
    "approval.requested": payload(
        card=st.sampled_from(CARDS), kind=st.sampled_from(["effects", "question", "doubt", "failure", "budget"]),
        step=step, title=words, effects=st.just([]), reasons=st.just([]), question=st.none(), expires_at=moment,
        body=st.just({}),
    ),
    "approval.granted": payload(**choice, effects=granted, struck=st.just([])),
    "approval.denied": payload(**choice, reason=words),
    "approval.answered": payload(**choice, slot=st.just("decision"), answer=words),
    "approval.edited": payload(**choice, step=step, patch=st.just({"title": "mine"})),
    "approval.expired": payload(card=st.sampled_from(CARDS)),
    "approval.superseded": payload(card=st.sampled_from(CARDS), why=words),
    "approval.withdrawn": payload(card=st.sampled_from(CARDS), why=words),
    "effect.started": start,
    "effect.done": payload(effect=st.sampled_from(EFFECTS), receipt=st.just({"ref": "r", "data": {}})),
    "effect.found": payload(effect=st.sampled_from(EFFECTS), receipt=st.just({"ref": "r", "data": {}})),
    "effect.failed": payload(
        effect=st.sampled_from(EFFECTS), attempt=small, kind=st.sampled_from(["transient", "permanent"]), code=words,
        why=words, retry_at=moment,
    ),
    "effect.in_doubt": payload(effect=st.sampled_from(EFFECTS), attempt=small, why=words),
    "some.later_version_of_the_program": payload(anything=words),
}  # fmt: skip

Told = tuple[str, dict[str, Any]]


@st.composite
def event(draw: st.DrawFn) -> Told:
    type = draw(st.sampled_from(sorted(PAYLOADS)))
    return type, {FORGOTTEN: True} if draw(st.integers(0, 9)) == 0 else draw(PAYLOADS[type])


def records(told: list[Told]) -> list[Record]:
    found = []
    for seq, (type, data) in enumerate(told, start=1):
        envelope = (seq, f"id-{seq}", "task/t", 1, type, micros(AT) + seq, "system", None, None, "t", None)
        found.append(Record(*envelope, b"", b"", decode=lambda _, data=data: data))  # type: ignore[misc]
    return found


def test_every_event_of_a_task_that_the_fold_reads_is_among_those_tried() -> None:
    from agentos.tasks.state import _HANDLERS

    assert _HANDLERS.keys() <= PAYLOADS.keys()
    assert _HANDLERS.keys() <= FACTS.keys()


@settings(deadline=None, max_examples=200)
@given(st.lists(event(), max_size=60))
def test_any_order_of_events_folds_without_an_error_and_the_same_each_time(told: list[Told]) -> None:
    """Whatever stands in a log, also one that a newer program wrote or a client was forgotten in, can be read."""
    one, two = fold("t", records(told)), fold("t", records(told))
    assert repr(one) == repr(two)
    assert one.seq == len(told)
    can_go_on(one, AT)
    due_at(one)
    one.open_cards()


@settings(deadline=None, max_examples=100)
@given(st.lists(event(), max_size=40), st.integers(0, 40))
def test_catching_up_is_the_same_as_reading_at_once(told: list[Told], cut: int) -> None:
    """A worker that reads on from where it was knows the same as one that starts anew."""
    all_ = records(told)
    state = fold("t", all_[:cut])
    for record in all_[cut:]:
        apply(state, record)
    assert repr(state) == repr(fold("t", records(told)))


@settings(deadline=None, max_examples=100)
@given(st.lists(event(), max_size=40))
def test_a_fold_changes_nothing_that_it_reads(told: list[Told]) -> None:
    """Events are shared between readers; a fold that wrote into one would lie to the next."""
    before = repr(told)
    fold("t", records(told))
    assert repr(told) == before


@settings(deadline=None, max_examples=100)
@given(st.lists(event(), max_size=40))
def test_events_that_are_forgotten_or_unknown_change_nothing_but_the_place(told: list[Told]) -> None:
    known = [(type, data) for type, data in told if type in FACTS and FORGOTTEN not in data]
    one, two = fold("t", records(told)), fold("t", records(known))
    for state in (one, two):
        _without_places(state)
    assert repr(one) == repr(two)


def _without_places(state: TaskState) -> None:
    """Sequence numbers and times differ where events between were left out."""
    state.seq, state.opened_at, state.closed_at = 0, None, None
    for effect in state.effects.values():
        effect.seq = 0
    for card in state.cards.values():
        card.at, card.decided_at = AT, None
