"""The operator of several tasks at once, who answers cards truthfully: where it is not known whether something
happened, she looks into the other side's own record."""

from __future__ import annotations

import fcntl
import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.request import ProxyHandler, build_opener

from agentos.effects.mail.outbox import Outbox
from agentos.errors import Refused
from agentos.platform import Platform
from agentos.tasks.answers import Desk
from agentos.tasks.state import CardState, TaskState
from tests.crash.wishes import Wish

RATE = 600
"""Seconds on the program's clock for one of ours: a backoff of a minute takes a tenth of a second."""
_LINE = build_opener(ProxyHandler({}))


class FastClock:
    """Runs RATE times as fast since `epoch` (seconds since 1970), alike in every process."""

    def __init__(self, epoch: float) -> None:
        self._epoch = epoch

    def now(self) -> datetime:
        at = self._epoch + (time.time() - self._epoch) * RATE
        return datetime.fromtimestamp(at, UTC)


def record_of(shop: str) -> list[dict[str, Any]]:
    """What really happened, once nothing is in the works any more."""
    with _LINE.open(f"{shop}/record", timeout=60) as answer:
        lines: list[dict[str, Any]] = json.load(answer)
    return lines


@dataclass
class Operator:
    """`shop` is where the worlds' record is read; `acks` the file in which she notes what the program confirmed."""

    platform: Platform
    wishes: Sequence[Wish]
    shop: str
    acks: Path

    @property
    def desk(self) -> Desk:
        return Desk(self.platform.store, clock=self.platform.clock)

    def tasks(self) -> list[TaskState]:
        found = [self.desk.load(record.data["task"]) for record in self.platform.log.read(types=("task.opened",))]
        return sorted(found, key=lambda state: state.trigger == "undo")

    def act(self) -> None:
        """Whatever she would do now. She is one person, whichever process speaks for her."""
        with self._one_person():
            tasks = self.tasks()
            for wish in self.wishes[sum(state.trigger == "terminal" for state in tasks) :]:
                task = self.desk.submit(wish.says)
                with self.acks.open("a") as file:
                    file.write(f"{task}\n")
            self._answer_all(self.tasks())

    def done(self) -> bool:
        tasks = self.tasks()
        undone = sum(wish.undoes for wish in self.wishes)
        enough = len(tasks) == len(self.wishes) + undone
        return enough and all(state.closed and not state.open_cards() for state in tasks)

    def _answer_all(self, tasks: list[TaskState]) -> None:
        for wish, state in zip(self.wishes, tasks, strict=False):
            for card in state.open_cards():
                try:
                    self._answer(wish, state, card)
                except Refused as refused:
                    if not refused.code.startswith(("card.", "task.")):
                        raise  # anything else than "settled meanwhile"
            if wish.undoes and state.status == "completed" and not any(one.trigger == "undo" for one in tasks):
                self.desk.undo(self.desk.undoable(state.id))
        for state in tasks[len(self.wishes) :]:
            for card in state.open_cards():
                self._answer(self.wishes[0], state, card)

    def _answer(self, wish: Wish, state: TaskState, card: CardState) -> None:
        question = card.data["question"] or {}
        if card.kind == "doubt":
            effect = card.data["body"]["effect"]
            self.desk.answer(card.id, "it happened" if self._happened(effect) else "it did not happen")
        elif wish.cancels and not state.closed:
            self.desk.cancel(state.id, "the operator thought again")
        elif card.kind in ("effects", "budget"):
            self.desk.approve(card.id)
        elif card.kind == "question":
            self.desk.answer(card.id, wish.answers[question["slot"]])
        else:
            self.desk.answer(card.id, "seen" if card.data["body"].get("notice") else "retry")

    def _happened(self, effect: str) -> bool:
        record = record_of(self.shop)
        if not effect.startswith("mail:"):
            return any(line.get("key") == effect for line in record)
        entry = Outbox(self.platform.store.root / "outbox").entry(effect)
        return entry is not None and any(line.get("id") == entry.header("Message-ID") for line in record)

    @contextmanager
    def _one_person(self) -> Iterator[None]:
        with self.acks.with_name("operator.lock").open("a") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
