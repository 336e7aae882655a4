"""A business on a bench to which anything happens in any order: its operator, its outside world, kills and clocks.

Beside it stands a model of what must hold, as small as can be: what the operator said to each effect and to which form
of it, and what was done when. She also speaks while something is being done.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from agentos.agent import Kit, Question, Semantic
from agentos.effects.port import Proposal, Receipt
from agentos.errors import AgentOSError, Permanent, Refused, Transient
from agentos.events.record import NewEvent, Record
from agentos.events.sqlite import SQLiteLog
from agentos.invariants.check import check
from agentos.models.request import ModelRequest
from agentos.tasks.performing import MEND_ABOVE
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
Whim = Literal[
    "well", "transient", "permanent", "semantic", "asks", "model", "model_lost", "model_dies", "model_known", "killed",
    "bug", "cancels", "stops",
]  # fmt: skip
"""What an agent does at its next turn. "model_dies": killed while a model answers; "model_known": once it has. With the
last two it is the operator who does something meanwhile."""
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


class Outside(FakeSystem):
    """One at whose acts something is looked at before, and may happen meanwhile."""

    taken = 0
    """How many acts are refused because of their form: the agent that proposed them makes another one."""
    before: Callable[[str], None] = staticmethod(lambda _: None)
    meanwhile: Callable[[], None] = staticmethod(lambda: None)

    def do(self, verb: str, payload: dict[str, Any], key: str) -> Receipt:
        if verb == "act":
            self.before(key)
            self.taken -= 1
            if self.taken >= 0:
                raise Permanent("This is taken.", code=sorted(MEND_ABOVE)[0])
        receipt = super().do(verb, payload, key)
        self.meanwhile()
        return receipt


class Business:
    """What the state machine and a regression test drive alike. Every method is one thing that happens."""

    def __init__(
        self, root: Path, recipe: str = "chain", policy: str = "ask", *, slots: Sequence[str] = ("one", "two"),
        hold: int = 0, late: Whim = "well", **world: Any,
    ) -> None:  # fmt: skip
        self.whims: deque[Whim] = deque()
        self._late = late
        self._asking: set[str] = set()
        self.systems = {
            "fake": Outside(**world), "other": Outside("other", held=hold > 0, outgoing=hold > 0, **world),
        }  # fmt: skip
        self.systems["other"].before = self._was_held
        for system in self.systems.values():
            system.meanwhile = self._meanwhile
        agents = [
            FakeAgent("make", self._makes("fake", slots), tier="small"),
            FakeAgent("also", self._makes("other", ("far",))),
            FakeAgent("check", self._works), FakeAgent("late", self._ends),
        ]  # fmt: skip
        models = FakeModels([self._answers])
        self.bench = Mortal(
            root, RECIPES[recipe], agents, self.systems, policy=POLICIES[policy], hold_minutes=hold, models=models
        )
        self._hold = timedelta(minutes=hold)
        self._asks = {name for name in self.systems if POLICIES[policy]["actions"][f"{name}.act"]["autonomy"] == "ask"}
        self.interrupts = 0
        """How many acts outside the operator will stop everything at."""
        self.wrong: list[str] = []
        """What was seen to be wrong while it happened, in a thread or an agent."""
        self.allowed: set[tuple[str, str | None]] = set()
        """(effect key, the note in its payload) as the operator has approved it."""
        self.tasks: list[str] = []
        self.refused: set[str] = set()
        """Effect keys to which the operator's last word was no."""
        self.frozen: dict[str, list[str]] = {}
        """Of cancelled tasks: all that they had done."""
        self.while_stopped: set[str] | None = None
        """All that was done, or was being done, when everything was stopped."""

    # -- agents

    def _makes(self, system: str, slots: Sequence[str]) -> Any:
        async def work(request: AnyRequest, kit: Kit) -> AnyResult:
            await self._whim(kit)
            note = {"note": "; ".join(kit.feedback)} if kit.feedback else {}
            proposals = [
                Proposal(
                    system=system, verb="act", slot=slot, title=f"Do {slot}", assigned={"number": "series:invoice"},
                    payload={"what": slot, "number": "⟦number⟧"} | note, fill=("/number",), after=tuple(slots[:n][-1:]),
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
        await self._ask_model(whim, kit)
        if whim == "cancels":
            self._she_cancels(kit.task)
        if whim == "stops":
            self._she_stops()
        raising: dict[str, BaseException] = {
            "transient": Transient("Busy."), "permanent": Permanent("No."), "semantic": Semantic(["It is wrong."]),
            "killed": Killed(), "bug": ValueError("A bug."),
        }  # fmt: skip
        if whim in raising:
            raise raising[whim]

    async def _ask_model(self, whim: Whim, kit: Kit) -> None:
        """An agent that has asked in a round asks the same whenever the round is run again, as a program does."""
        turn = kit.new_id()
        if kit.tier == "small" and (whim.startswith("model") or turn in self._asking):
            self._asking.add(turn)
            self._call = whim
            await kit.write("Say something.", f"{kit.step}, please: {turn}")
            if whim == "model_known":
                raise Killed

    def _answers(self, request: ModelRequest) -> Any:
        if any(r.data["request"] == request.digest() for r in self.bench.platform.log.read(types=("model.called",))):
            self.wrong.append("a model was asked for what it had answered")
        if self._call == "model_dies":  # and nothing more is written by this process
            self.bench.doom.dead = True
            raise Killed
        return FakeModels().lost() if self._call == "model_lost" else "An answer."

    # -- what the operator does while something is being done

    def _meanwhile(self) -> None:
        self.interrupts -= 1
        if self.interrupts == 0:
            self._she_stops()

    def _she_stops(self) -> None:
        self.bench.desk.stop("enough")
        self._stopped()

    def _she_cancels(self, task: str) -> None:
        with suppress(AgentOSError):
            self.bench.desk.cancel(task, "no more")
            self.frozen.setdefault(task, self.done_by(task))

    def _stopped(self) -> None:
        if self.while_stopped is None:
            begun = {r.data["effect"] for r in self.bench.platform.log.read(types=("effect.started",))}
            open_still = {
                key for key in begun if self._is_open(key)
            }  # looked at first: another thread may just end one
            self.while_stopped = open_still | self.done()

    def _is_open(self, key: str) -> bool:
        effects = (self.state(task).effects.get(key) for task in self.tasks)
        return any(effect is not None and effect.status == "started" for effect in effects)

    def _was_held(self, key: str) -> None:
        """What goes out waits for its time, counted from the operator's word or from the step's start; where nothing is
        held, a clock that was set back says nothing."""
        task = next(task for task in self.tasks if f"/{task}/" in key)
        state = self.state(task)
        step = state.effects[key].data["step"]
        card = state.card_for(step, "effects")
        since = card.decided_at if card is not None and card.decided_at is not None else None
        if self._hold and self.bench.clock.now() < (since or datetime.fromisoformat(state.step(step).now)) + self._hold:
            self.wrong.append("what was held went out too early")

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
        late = card.expires_at is not None and card.expires_at <= self.bench.clock.now()
        self.alive(lambda: self.bench.desk.approve(card.id, struck))
        if self.card(card).status != "granted":
            return
        assert not late, "a card was granted that had expired"
        out = {effect["key"] for effect in card.data["effects"] if effect["slot"] in struck}
        payloads = {key: payload for key, payload in card.data["body"].get("payloads", {}).items() if key not in out}
        self.refused = self.refused - set(payloads) | out
        self.allowed |= {(key, payload.get("note")) for key, payload in payloads.items()}

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
        if self.bench.platform.store.stop_file.exists():
            self._stopped()

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
        return set().union(*(set(system.done) for system in self.systems.values()))

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
        assert self.while_stopped is None or self.done() <= self.while_stopped, "something was done while stopped"
        assert not self.wrong, self.wrong
        for name, system in self.systems.items():
            acts = [(key, payload) for key, (verb, payload) in system.done.items() if verb == "act"]
            if name in self._asks:
                unasked = {(key, payload.get("note")) for key, payload in acts} - self.allowed
                assert not unasked, f"done in a form that nobody approved: {unasked}"
            undone = [payload["ref"] for verb, payload in system.done.values() if verb == "unact"]
            assert len(undone) == len(set(undone)), "something was taken back twice"
        for task in self.tasks:
            state = self.state(task)
            if state.rehearsal:
                assert self.done_by(task) == [], "a rehearsal did something"
            if state.status == "failed":
                self._was_taken_back(state)

    def _was_taken_back(self, state: TaskState) -> None:
        """Of a task that failed nothing stands but what the operator left, or what she could not tell."""
        refs = {
            payload["ref"]
            for system in self.systems.values()
            for verb, payload in system.done.values()
            if verb == "unact"
        }
        left = any(card.kind == "failure" and card.answer == "leave" for card in state.cards.values())
        acts = [e for e in state.effects.values() if e.is_done and e.data["verb"] == "act"]
        standing = [e for e in acts if (e.receipt or {}).get("ref") not in refs]
        words = "confirmed by the operator"
        assert left or all((e.receipt or {}).get("ref") == words for e in standing), (
            "a failed task left things standing"
        )

    def sound(self) -> None:
        report = check(self.bench.platform.store)
        assert report.ok, report.violations

    def comes_to_its_end(self) -> None:
        """From wherever it stands: with an operator who answers and a world that works, every task closes."""
        self.restart()
        self.whims.clear()
        self.interrupts = 0
        for system in self.systems.values():
            system.mend()
            system.taken = 0
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
