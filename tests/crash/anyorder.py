"""A business on a bench to which anything happens in any order: its operator, its outside world, kills and clocks.

Beside it stands a model of what must hold, as small as can be: which effects were refused, and what was done when.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

from agentos.agent import Kit, Question, Semantic
from agentos.effects.port import Proposal
from agentos.errors import AgentOSError, Permanent, Refused, Transient
from agentos.events.record import NewEvent, Record
from agentos.events.sqlite import SQLiteLog
from agentos.invariants.check import check
from agentos.tasks.state import CardState, TaskState
from tests.fakes.effects import FakeSystem, Killed
from tests.fakes.models import FakeModels
from tests.fakes.platform import AnyRequest, AnyResult, Bench, FakeAgent

HEAD = 'workflow = "publish-post"\ntitle = "Test"\n'
MAKE = '[[steps]]\nid = "make"\nagent = "make"\n'
DELIVER = '[[steps]]\nid = "deliver"\nkind = "effects"\nneeds = ["make"]\ninputs = { from = ["make"] }\n'
CHECKED = """
[[steps]]
id = "check"
agent = "check"
needs = ["make"]
redo = "make"
[[steps]]
id = "deliver"
kind = "effects"
needs = ["make", "check"]
inputs = { from = ["make"] }
"""
FORK = """
[[steps]]
id = "also"
agent = "also"
[[steps]]
id = "send"
kind = "effects"
needs = ["also"]
inputs = { from = ["also"] }
"""
LATER = """
[[steps]]
id = "late"
agent = "late"
needs = ["deliver"]
"""
RECIPES = {
    "chain": HEAD + MAKE + DELIVER,
    "checked": HEAD + MAKE + CHECKED,
    "fork": HEAD + MAKE + DELIVER + FORK,
    "later": HEAD + MAKE + DELIVER + LATER,
}
Whim = Literal["well", "transient", "permanent", "semantic", "asks", "model", "model_lost", "killed", "bug"]
RULE = {"known_clients_only": False}
RATES = {"rates": {"USD": "0.9"}}
POLICIES: dict[str, dict[str, Any]] = {
    name: {"actions": {"fake.act": RULE | {"autonomy": fake}, "other.act": RULE | {"autonomy": other}}} | RATES
    for name, fake, other in (("allow", "allow", "allow"), ("ask", "ask", "ask"), ("mixed", "allow", "ask"))
}
MOST_TURNS = 40


@dataclass
class Doom:
    """In how many appends the process dies: before that one, or just after it. Below 1 it lives."""

    left: int = 0
    after: bool = False
    dead: bool = False
    """What still runs of a process that was killed (a `finally`, an error handler) appends nothing."""


class MortalLog:
    """The log of a process that can be killed at an append."""

    def __init__(self, log: SQLiteLog, doom: Doom) -> None:
        self._log, self._doom = log, doom

    def __getattr__(self, name: str) -> Any:
        return getattr(self._log, name)

    def submit(self, what: Any) -> Future[list[Record]]:
        future: Future[list[Record]] = self._mortally(lambda: self._log.submit(what))
        return future

    def append(self, what: NewEvent | Sequence[NewEvent] | Any) -> list[Record]:
        records: list[Record] = self._mortally(lambda: self._log.append(what))
        return records

    async def record(self, what: Any) -> list[Record]:
        return self.append(what)

    def _mortally(self, act: Callable[[], Any]) -> Any:
        doom = self._doom
        doom.left -= 1
        if doom.dead or (doom.left == 0 and not doom.after):
            doom.dead = True
            raise Killed
        result = act()
        if doom.left == 0:  # it is durable, and nobody learns of it
            if isinstance(result, Future):
                result.result()
            doom.dead = True
            raise Killed
        return result


class Mortal(Bench):
    """A bench whose process dies when its time has come."""

    def open(self) -> None:
        super().open()
        self.doom = Doom()
        self.platform.store.log = MortalLog(self.platform.store.log, self.doom)  # type: ignore[assignment]


class Business:
    """What the state machine and a regression test drive alike. Every method is one thing that happens."""

    def __init__(
        self, root: Path, recipe: str = "chain", policy: str = "ask", *, slots: Sequence[str] = ("one", "two"),
        hold: int = 0, late: Whim = "well", **world: Any,
    ) -> None:  # fmt: skip
        self.whims: deque[Whim] = deque()
        self._late = late
        self.systems = {
            "fake": FakeSystem(**world), "other": FakeSystem("other", held=hold > 0, outgoing=hold > 0, **world),
        }  # fmt: skip
        agents = [
            FakeAgent("make", self._makes("fake", slots), tier="small"),
            FakeAgent("also", self._makes("other", ("far",))),
            FakeAgent("check", self._works), FakeAgent("late", self._ends),
        ]  # fmt: skip
        models = FakeModels([self._answers])
        self.bench = Mortal(
            root, RECIPES[recipe], agents, self.systems, policy=POLICIES[policy], hold_minutes=hold, models=models
        )
        self.tasks: list[str] = []
        self.refused: set[str] = set()
        """Effect keys to which the operator's last word was no."""
        self.frozen: dict[str, list[str]] = {}
        """Of cancelled tasks: all that they had done."""
        self.while_stopped: list[str] | None = None

    # -- agents

    def _makes(self, system: str, slots: Sequence[str]) -> Any:
        async def work(request: AnyRequest, kit: Kit) -> AnyResult:
            await self._whim(kit)
            proposals = [
                Proposal(
                    system=system, verb="act", slot=slot, title=f"Do {slot}", assigned={"number": "series:invoice"},
                    payload={"what": slot, "number": "⟦number⟧"}, fill=("/number",), after=tuple(slots[:n][-1:]),
                )
                for n, slot in enumerate(slots)
            ]  # fmt: skip
            return AnyResult(proposals=proposals)

        return work

    async def _works(self, request: AnyRequest, kit: Kit) -> AnyResult:
        await self._whim(kit)
        return AnyResult(said="done")

    async def _ends(self, request: AnyRequest, kit: Kit) -> AnyResult:
        """What fails here has effects behind it."""
        await self._do(self._late, kit)
        return AnyResult(said="done")

    async def _whim(self, kit: Kit) -> None:
        await self._do(self.whims.popleft() if self.whims else "well", kit)

    async def _do(self, whim: Whim, kit: Kit) -> None:
        if whim == "asks" and not kit.answers:
            raise Question("colour", "Which colour?", ("red", "blue"))
        if whim in ("model", "model_lost") and kit.tier == "small":
            self._lost = whim == "model_lost"
            await kit.write("Say something.", f"{kit.step}, please.")
        raising: dict[str, BaseException] = {
            "transient": Transient("Busy."), "permanent": Permanent("No."), "semantic": Semantic(["It is wrong."]),
            "killed": Killed(), "bug": ValueError("A bug."),
        }  # fmt: skip
        if whim in raising:
            raise raising[whim]

    def _answers(self, _: Any) -> Any:
        return FakeModels().lost() if self._lost else "An answer."

    # -- what happens

    def alive(self, act: Callable[[], Any]) -> Any:
        """Do it as the process that may die of it; then another one takes its place."""
        try:
            return act()
        except Killed:
            self.restart()
        except Refused:
            return None  # the operator is told so
        return None

    def restart(self) -> None:
        self.bench.doom.left = 0
        self.bench.platform.store.close()
        self.bench.open()

    def submit(self, **more: Any) -> None:
        if task := self.alive(lambda: self.bench.submit(**more)):
            self.tasks.append(task)

    def advance(self, task: str) -> None:
        self.alive(lambda: asyncio.run(self.bench.advance(task)))

    def doom(self, appends: int, after: bool) -> None:
        self.bench.doom.left, self.bench.doom.after = appends, after

    def approve(self, card: CardState, struck: Sequence[str] = ()) -> None:
        self.alive(lambda: self.bench.desk.approve(card.id, struck))
        now = self.card(card)
        if now.status == "granted":
            self.refused -= set(now.granted)
            self.refused |= set(now.struck)

    def deny(self, card: CardState) -> None:
        self.alive(lambda: self.bench.desk.deny(card.id, "no"))
        if self.card(card).status == "denied":
            self.refused |= {effect["key"] for effect in card.data["effects"]} - self.done()

    def edit(self, card: CardState, note: str) -> None:
        """The operator changes what would be done."""
        source = card.data["effects"][0]["source"]
        output = self.state(card_task(self, card)).steps[source].output or {}
        proposals = [one | {"payload": one["payload"] | {"note": note}} for one in output.get("proposals", ())]
        self.alive(lambda: self.bench.desk.edit(card.id, source, {"proposals": proposals}))

    def answer(self, card: CardState, choice: int) -> None:
        """Of a doubt she says the truth, or to look again; of anything else what comes to mind."""
        choices = card.data["question"]["choices"]
        if card.kind == "doubt":
            key = card.data["body"]["effect"]
            truth = "it happened" if key in self.done() else "it did not happen"
            choices = ("look again", truth, truth)
        said = choices[choice % len(choices)] if choices else "red"
        self.alive(lambda: self.bench.desk.answer(card.id, said))

    def cancel(self, task: str) -> None:
        self.alive(lambda: self.bench.desk.cancel(task, "no more"))
        if self.state(task).status == "cancelled" and task not in self.frozen:
            self.frozen[task] = self.done_by(task)

    def again(self, task: str) -> None:
        if new := self.alive(lambda: self.bench.desk.again(task)):
            self.tasks.append(new)

    def undo(self, task: str) -> None:
        def act() -> str | None:
            try:
                return self.bench.desk.undo(self.bench.desk.undoable(task))
            except AgentOSError:
                return None

        new = self.alive(act)
        if new:
            self.tasks.append(new)
        for one in self.tasks:
            if self.state(one).status == "cancelled" and one not in self.frozen:
                self.frozen[one] = self.done_by(one)

    def stop(self) -> None:
        self.alive(lambda: self.bench.desk.stop("enough"))
        if self.bench.platform.store.stop_file.exists() and self.while_stopped is None:
            self.while_stopped = sorted(self.done())

    def start(self) -> None:
        self.alive(lambda: self.bench.desk.start())
        if not self.bench.platform.store.stop_file.exists():
            self.while_stopped = None

    def later(self, minutes: int) -> None:
        """Clocks go back, too."""
        self.bench.clock.advance(timedelta(minutes=minutes))

    # -- looking

    def state(self, task: str) -> TaskState:
        return self.bench.state(task)

    def card(self, card: CardState) -> CardState:
        return self.bench.desk.card(card.id)[1]

    def cards(self) -> list[CardState]:
        return [card for task in self.tasks for card in self.state(task).open_cards()]

    def done(self) -> set[str]:
        return {key for system in self.systems.values() for key in system.done}

    def done_by(self, task: str) -> list[str]:
        return sorted(key for key in self.done() if f"/{task}/" in key and not key.endswith("/undo"))

    # -- what must hold

    def holds(self) -> None:
        """The little model. The log's own invariants are `sound`."""
        for system in self.systems.values():
            assert system.copies == len(system.done), "something was done twice"
        assert not self.refused & self.done(), "what was refused was done"
        for task, before in self.frozen.items():
            assert self.done_by(task) == before, "a cancelled task went on"
        if self.while_stopped is not None:
            assert sorted(self.done()) == self.while_stopped, "something was done while stopped"
        for task in self.tasks:
            if self.state(task).rehearsal:
                assert self.done_by(task) == [], "a rehearsal did something"

    def sound(self) -> None:
        report = check(self.bench.platform.store)
        assert report.ok, report.violations

    def comes_to_its_end(self) -> None:
        """From wherever it stands: with an operator who answers and a world that works, every task closes."""
        self.restart()
        self.whims.clear()
        for system in self.systems.values():
            system.mend()
        self.start()
        for _ in range(MOST_TURNS):
            left = [task for task in self.tasks if not self.state(task).closed]
            if not left:
                break
            for task in left:
                self.advance(task)
            for card in self.cards():
                if not self.state(card_task(self, card)).closed:
                    self.approve(card) if card.data["question"] is None else self.answer(card, 1)
            self.later(120)
        else:
            stuck = [(one.status, one.parked) for task in self.tasks if not (one := self.state(task)).closed]
            raise AssertionError(f"these never ended: {stuck}")
        self.holds()
        self.sound()


def card_task(business: Business, card: CardState) -> str:
    return business.bench.desk.card(card.id)[0].id
