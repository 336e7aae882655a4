"""What the operator says: approve, deny, edit, answer, cancel, stop. Every answer is idempotent and checked where it
is written.

Needs only the store, so that it answers at once; the work that follows is `advance`'s.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from agentos.errors import AgentOSError, Refused
from agentos.events.log import Reader
from agentos.events.record import NewEvent
from agentos.events.types import (
    ApprovalAnswered,
    ApprovalDenied,
    ApprovalEdited,
    ApprovalGranted,
    ApprovalWithdrawn,
    Fact,
    IntentReceived,
    IntentRejected,
    TaskCancelled,
    TaskOpened,
)
from agentos.reconcile.closing import closed
from agentos.tasks.numbers import voided_numbers
from agentos.tasks.reservations import settled_in_full
from agentos.tasks.resting import resting
from agentos.tasks.run import intent_subject, stream_of
from agentos.tasks.said import edited, said
from agentos.tasks.state import CardState, TaskState, downstream, fold
from agentos.tasks.switch import Switch
from agentos.tasks.undoable import Undoable

LARGE_TEXT = 32_768
"""Bytes of raw input above which it is kept as a blob."""


class Desk(Undoable, Switch):
    """The operator's hand on the log."""

    # -- opening

    def submit(
        self,
        text: str,
        *,
        channel: str = "terminal",
        author: str = "operator",
        trigger: str = "terminal",
        check: Callable[[str], str | None] = lambda _: None,
        rehearsal: bool = False,
        by: datetime | None = None,
        budget: dict[str, Any] | None = None,
        task: str | None = None,
    ) -> str:
        """Record the intent and open its task; returns the task's id once both are durable. `task` is the id that a
        caller made who wants to hold its lease from the beginning.

        `check(text)` may raise IntentRejected (the raw text is kept all the same) and names the client whose key seals.
        """
        intent, task = self._new_id(), task or self._new_id()
        try:
            subject, rejected = check(text), None
        except AgentOSError as error:
            subject, rejected = None, error
        large = len(text.encode("utf-8", "surrogatepass")) > LARGE_TEXT
        raw = text.encode("utf-8", "replace")
        blob = self.store.blobs.put(raw, subject) if large else None
        received = IntentReceived(
            intent=intent, channel=channel, author=author, text=None if large else raw.decode(), blob=blob
        ).on(f"intent/{intent}", key=f"intent/{intent}", actor=author, subject=subject)
        if rejected is not None:
            why = IntentRejected(intent=intent, code=rejected.code, why=str(rejected))
            self.store.log.append([received, why.on(f"intent/{intent}")])
            raise rejected
        opened = TaskOpened(task=task, intent=intent, trigger=trigger, rehearsal=rehearsal, by=by, budget=budget)
        self.store.log.append(
            [received, opened.on(stream_of(task), key=f"task/{task}", actor=author, correlation=task)]
        )
        return task

    def again(self, name: str, *, new: str | None = None) -> str:
        """Take up again what was denied, failed or cancelled: a new task from the same intent; returns its id, which is
        `new` where the caller made one."""
        state = self.task(name)
        if state.status not in ("failed", "cancelled"):
            hint = "agentos resume TASK" if not state.closed else "agentos run TEXT does it once more."
            raise Refused(
                f"The task is {state.status}: there is nothing to take up again.", hint=hint, code="task.stands"
            )
        task = new or self._new_id()
        by = state.by if state.by is not None and state.by > self.clock.now() else None
        opened = TaskOpened(
            task=task, intent=state.intent, trigger=state.trigger, rehearsal=state.rehearsal, by=by, budget=state.budget
        )
        self.store.log.append(opened.on(stream_of(task), key=f"task/{task}", actor="operator", correlation=task))
        return task

    def undo(self, keys: Sequence[str], *, task: str | None = None) -> str:
        """Open the task that undoes these effects, newest first; returns its id, which is `task` where the caller made
        one.

        A task of theirs that still goes on is cancelled first: a mail it holds must not follow what is taken back.
        """
        for state in self.going_on(keys):
            self.cancel(state.id, "what it did is undone")
        return self.submit("\n".join(keys), trigger="undo", task=task)

    # -- answering

    def approve(self, name: str, struck: Sequence[str] = ()) -> TaskState:
        """Grant the card's effects, but for those struck out (by slot) and those that rest on them. Granting twice is
        the same as once."""
        state, card = self.card(name)

        def on(current: CardState, _: TaskState) -> Fact | None:
            if current.status == "granted":
                return None
            self._still_open(current)
            if current.kind not in ("effects", "budget"):
                raise Refused(
                    f"This card asks: {current.title}", hint=f"agentos answer {name} TEXT", code="card.question"
                )
            effects = current.data["effects"]
            if unknown := set(struck) - {effect["slot"] for effect in effects}:
                raise Refused(f"The card has no {sorted(unknown)[0]!r} to strike out.", code="card.no_such_effect")
            left_out = {*struck, *resting(effects, struck)}
            kept = [{"key": e["key"], "digest": e["digest"]} for e in effects if e["slot"] not in left_out]
            out = [e["key"] for e in effects if e["slot"] in left_out]
            return ApprovalGranted(card=current.id, effects=kept, struck=out, via=self.via)

        return self._answer(state, card, on, "approval.granted")

    def deny(self, name: str, reason: str) -> TaskState:
        """A denial wins until an effect has started, even over an approval."""
        reason = said(reason, "The reason")
        state, card = self.card(name)

        def on(current: CardState, task: TaskState) -> Fact | None:
            if current.status == "denied":
                return None
            if current.status == "granted":
                if started := [key for key in current.granted if key in task.effects]:
                    title = task.effects[started[0]].data["title"]
                    raise Refused(f"Too late: {title} has started.", hint="Use `agentos undo`.", code="card.started")
            else:
                self._still_open(current)
            return ApprovalDenied(card=current.id, reason=reason, via=self.via)

        return self._answer(state, card, on, "approval.denied")

    def answer(self, name: str, text: str) -> TaskState:
        text = said(text, "The answer")
        state, card = self.card(name)

        def on(current: CardState, _: TaskState) -> Fact | None:
            self._still_open(current)
            question = current.data["question"]
            if question is None:
                raise Refused(
                    "This card asks for an approval, not for words.",
                    hint=f"agentos approve {name}",
                    code="card.approval",
                )
            given, choices = text.strip(), question["choices"]
            if not given:
                raise Refused("The answer is empty.", code="card.empty_answer")
            if current.kind != "question" and given not in choices:
                raise Refused(f"Answer one of: {', '.join(choices)}.", code="card.no_such_choice")
            return ApprovalAnswered(card=current.id, slot=question["slot"], answer=given, via=self.via)

        return self._answer(state, card, on, "approval.answered")

    def edit(self, name: str, step: str, patch: dict[str, Any]) -> TaskState:
        """Replace fields of a step's output; what rests on it is done again, and a new card takes this one's place."""
        patch = edited(patch)
        state, card = self.card(name)

        def on(current: CardState, task: TaskState) -> Fact | None:
            self._still_open(current)
            if step not in task.steps or task.steps[step].status != "completed":
                raise Refused(f"There is no result of {step!r} to edit.", hint="agentos show", code="card.no_such_step")
            resting = set(downstream(task.plan or {"steps": []}, step))
            if out := [
                e.data["title"] for e in task.effects.values() if e.data["source"] in resting and not e.undone_by
            ]:
                raise Refused(f"Too late: {out[0]} has begun.", hint="agentos undo takes it back.", code="card.started")
            return ApprovalEdited(card=current.id, step=step, patch=patch, via=self.via)

        return self._answer(state, card, on, "approval.edited")

    def cancel(self, name: str, why: str) -> TaskState:
        """Close the task and withdraw its cards. What was done stands, and can be undone."""
        why = said(why, "The reason")
        state = self.task(name)

        def on(reader: Reader) -> Sequence[NewEvent]:
            current = fold(state.id, reader.read(stream=stream_of(state.id)))
            if current.status == "cancelled":
                return ()
            if current.closed:
                raise Refused(f"The task is {current.status} already.", hint="agentos undo TASK", code="task.closed")
            if unsure := [e.data["title"] for e in current.effects.values() if e.status == "in_doubt"]:
                hint = "Answer its card first: agentos desk"
                raise Refused(f"It is not known whether {unsure[0]} happened.", hint=hint, code="task.doubt")
            if busy := [e.data["title"] for e in current.effects.values() if e.status == "started"]:
                raise Refused(f"{busy[0]} is being done right now.", hint="agentos resume finds out.", code="task.busy")
            cancelled = self._event(state, TaskCancelled(why=why), f"task.closed/{state.id}")
            events = [*settled_in_full(current), cancelled]
            for card in current.open_cards():
                withdrawn = ApprovalWithdrawn(card=card.id, why="the task was cancelled")
                events.append(self._event(state, withdrawn, f"approval.withdrawn/{card.id}"))
            unused = [effect for effect in current.effects.values() if not effect.is_done]
            events += closed(reader, current, "kept", why, actor="operator")
            return [*events, *voided_numbers(reader, state.id, unused, "the task was cancelled")]

        self.store.log.append(on)
        return self.load(state.id)

    def _still_open(self, card: CardState) -> None:
        if card.status != "open":
            raise Refused(f"The card is {card.status} already.", hint="agentos desk", code=f"card.{card.status}")
        if card.expires_at is not None and card.expires_at <= self.clock.now():
            raise Refused("The card has expired, which counts as a no.", hint="agentos again TASK", code="card.expired")

    def _answer(
        self, state: TaskState, card: CardState, on: Callable[[CardState, TaskState], Fact | None], key: str
    ) -> TaskState:
        def decide(reader: Reader) -> Sequence[NewEvent]:
            current = fold(state.id, reader.read(stream=stream_of(state.id)))
            fact = on(current.cards[card.id], current)
            if fact is None:  # said already: saying it again is the same, even when all of it is done by now
                return ()
            if current.closed and not current.cards[card.id].data["body"].get("notice"):
                raise Refused(f"The task is {current.status} already.", hint="agentos show TASK", code="task.closed")
            return [self._event(state, fact, f"{key}/{card.id}")]

        self.store.log.append(decide)
        return self.load(state.id)

    def _event(self, state: TaskState, fact: Fact, key: str) -> NewEvent:
        subject = state.subject or intent_subject(self.store.log, state)
        return fact.on(stream_of(state.id), key=key, actor="operator", subject=subject, correlation=state.id)
