"""A quarter played day by day: an agenda of what happens when, worked through by the real program on a simulated clock.

The same seed gives the same story: requests, answers, incidents, payments, tasks' ids, numbers, amounts and moments.
Cards' and events' ids and the clients' keys are fresh, so the log's hash is another one each time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

from agentos.effects.port import System
from agentos.ids import digest, uuid7
from agentos.platform import Platform
from agentos.tasks.answers import Desk
from agentos.tasks.finder import NotFound
from agentos.tasks.invoices import invoices
from agentos.tasks.readiness import due_at
from agentos.tasks.state import CardState, TaskState
from desk.simulation.agenda import ZONE, Act, Agenda
from desk.simulation.business import BY_ID, CANCELLED, CUSTOMERS
from desk.simulation.incidents import Incident, incidents_of
from desk.simulation.models import ScriptedModels
from desk.simulation.operator import Operator
from desk.simulation.outside import Mishap, Unreliable
from desk.simulation.wishes import Wish, wishes_of
from desk.submitting import budget_of, understood_client


@dataclass
class Quarter:
    """`first` is the first day, local; `days` how many. `tell` hears of each day that begins: (which, of how many)."""

    root: Path
    seed: int
    first: date
    days: int
    tell: Callable[[int, int], None] = lambda day, days: None
    story: list[str] = field(default_factory=list)
    """What was asked, answered, issued and paid, a line each: the same for the same seed."""
    _names: dict[str, str] = field(default_factory=dict)
    """task -> its name in the story"""
    _cards: set[str] = field(default_factory=set)
    _ends: set[str] = field(default_factory=set)
    _billed: set[str] = field(default_factory=set)
    _mishaps: dict[str, deque[Mishap]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.agenda = Agenda(self.first, self.days)
        self.clock = self.agenda.clock
        ids = self._rng("ids")
        self._make_id = lambda ms: uuid7(ms, ids.randbytes(10))
        self.models = ScriptedModels(self.clock, self._rng("models"))
        self.platform: Platform

    @property
    def digest(self) -> str:
        """Of the story: equal for equal seeds."""
        return digest("\n".join(self.story).encode())

    async def play(self) -> None:
        """From the first morning to the last midnight; what is not settled by then stays as it is."""
        self._open()
        try:
            self._plan()
            for act in self.agenda.acts():
                await act()
        finally:
            self.platform.store.close()

    # -- the agenda

    def _plan(self) -> None:
        for day in range(self.days):
            self.agenda.at(self.agenda.local(day, timedelta(hours=7)), self._begin(day))
            if self.agenda.date(day).weekday() < 5:
                for nth, wish in enumerate(wishes_of(self._rng("day", day), day)):
                    self.agenda.at(self.agenda.local(day, wish.at), self._ask(wish, f"{day}.{nth}"))
        for incident in incidents_of(self._rng("incidents"), self.days):
            self.agenda.at(self.agenda.local(incident.day, timedelta(hours=8)), self._arm(incident))
        stop = self.agenda.local(self.days * 3 // 5, timedelta(hours=12))
        self.agenda.at(stop, self._switch(on=False))
        self.agenda.at(stop + timedelta(minutes=90), self._switch(on=True))
        self.agenda.at(self.agenda.local(self.days * 2 // 5, timedelta(hours=7, minutes=30)), self._loosen)

    def _begin(self, day: int) -> Act:
        async def act() -> None:
            self.tell(day, self.days)
            new = [one for one in CUSTOMERS if one.file and one.from_day == day]
            for one in new:
                (self.root / "clients" / f"{one.id}.toml").write_text(one.file, encoding="utf-8")
            if new or (self.agenda.date(day).weekday() == 0 and day > 0):
                self._open()

        return act

    def _arm(self, incident: Incident) -> Act:
        async def act() -> None:
            if incident.where == "model":
                self.models.arm(*incident.mishaps)  # type: ignore[arg-type]
            else:
                waiting = self._mishaps.setdefault(incident.where, deque())
                waiting.extend(incident.mishaps)  # type: ignore[arg-type]

        return act

    def _switch(self, *, on: bool) -> Act:
        async def act() -> None:
            if on:
                self.desk.start()
            else:
                self.desk.stop("I want to look through the books first.")
            self._note("started" if on else "stopped")

        return act

    async def _loosen(self) -> None:
        """The operator has seen enough cards about small invoices."""
        policy = self.root / "policy.toml"
        text = policy.read_text(encoding="utf-8")
        policy.write_text(text.replace('below = "500.00"', 'below = "800.00"'), encoding="utf-8")
        self._open()
        self._note("threshold raised to 800.00 EUR")

    # -- tasks

    def _ask(self, wish: Wish, name: str) -> Act:
        async def act() -> None:
            by = self.clock.at + wish.within if wish.within else None
            await self._submit(wish.text, name, rehearsal=wish.rehearse, by=by, budget=budget_of(wish.budget))

        return act

    async def _submit(self, text: str, name: str, **more: Any) -> None:
        self._note(f"{name} asked: {text}")
        workspace = self.platform.workspace
        task = self.desk.submit(text, check=lambda said: understood_client(workspace, said, self.clock.at), **more)
        self._names[task] = name
        await self._advance(task)

    def _go_on(self, task: str) -> Act:
        async def act() -> None:
            await self._advance(task)

        return act

    async def _advance(self, task: str) -> None:
        from graphs.advance import advance

        done = await advance(self.platform, task, by="simulation")
        state = done.state
        if done.stopped:
            self.agenda.at(self.clock.at + timedelta(hours=2), self._go_on(task))
            return
        self._watch_cards(state)
        self._watch_invoices(state)
        if state.closed and task not in self._ends:
            self._ends.add(task)
            self._note(f"{self._names[task]} {state.status}")
            self._afterwards(state)
        elif not state.closed and (due := due_at(state)) is not None:
            self.agenda.at(max(due, self.clock.at + timedelta(seconds=1)), self._go_on(task))

    def _watch_cards(self, state: TaskState) -> None:
        for card in state.open_cards():
            if card.id not in self._cards:
                self._cards.add(card.id)
                rng = self._rng("card", self._names[state.id], len(state.cards))
                minutes = min(240.0, 4 + rng.expovariate(1 / 40))
                self.agenda.at(self.agenda.when_she_works(minutes, rng), self._answer(state.id, card, rng))

    def _answer(self, task: str, card: CardState, rng: Random) -> Act:
        async def act() -> None:
            state = self.desk.load(task)
            current = state.cards[card.id]
            if current.status != "open":
                return
            if current.kind == "effects" and rng.random() < 0.04:
                self.desk.cancel(task, rng.choice(CANCELLED))
                self._note(f"{self._names[task]} given up")
            elif said := Operator(self.desk).answer(state, current, rng):
                self._note(f"{self._names[task]} {current.kind} {said}")
            await self._advance(task)

        return act

    def _afterwards(self, state: TaskState) -> None:
        """Second thoughts: something is taken back a day later, or what was denied is taken up again."""
        name, rng = self._names[state.id], self._rng("afterwards", self._names[state.id])
        if state.trigger == "undo" or state.rehearsal:
            return
        later = self.agenda.when_she_works(rng.uniform(200, 1500), rng)
        drawn = rng.random()
        if state.status == "completed" and drawn < 0.05 and "payment" not in name:
            self.agenda.at(later, self._undo(state.id, f"{name}u"))
        elif state.status == "failed" and drawn < 0.4 and name.count("r") < 2:
            self.agenda.at(later, self._again(state.id, f"{name}r"))

    def _undo(self, task: str, name: str) -> Act:
        async def act() -> None:
            try:
                keys = self.desk.undoable(task)
            except NotFound:
                return
            undo = self.desk.undo(keys)
            self._names[undo] = name
            self._note(f"{name} undoes {len(keys)}")
            await self._advance(undo)

        return act

    def _again(self, task: str, name: str) -> Act:
        async def act() -> None:
            again = self.desk.again(task)
            self._names[again] = name
            self._note(f"{name} taken up again")
            await self._advance(again)

        return act

    # -- money that comes in

    def _watch_invoices(self, state: TaskState) -> None:
        for effect in state.effects.values():
            data = (effect.receipt or {}).get("data") or {}
            if effect.data["system"] != "invoice" or effect.data["verb"] != "issue" or not effect.is_done:
                continue
            if effect.key in self._billed or "number" not in data:
                continue
            self._billed.add(effect.key)
            self._note(f"{self._names[state.id]} issued {data['number']} {data['client']} {data['gross']}")
            self._expect(data["number"], data["client"], Decimal(data["gross"]))

    def _expect(self, number: str, client: str, gross: Decimal) -> None:
        rng, habit = self._rng("pays", number), BY_ID[client].habit
        if rng.random() < habit.unpaid:
            return
        parts = habit.parts + (rng.random() < 0.12)
        short = rng.random() < 0.06  # the last part never comes
        day = rng.randint(*habit.days)
        for nth in range(1, parts + 1):
            last = nth == parts
            if last and short and parts > 1:
                return
            share = None if last else (gross / parts).quantize(Decimal("0.01"))
            at = self.agenda.when_she_works((day + 12 * (nth - 1)) * 24 * 60.0, rng)
            self.agenda.at(at, self._paid(number, client, share, f"payment {number}/{nth}", rng))

    def _paid(self, number: str, client: str, share: Decimal | None, name: str, rng: Random) -> Act:
        async def act() -> None:
            owed = invoices(self.platform.log).get(number)
            if owed is None or owed.open <= 0:
                return
            amount = min(share or owed.open, owed.open)
            said, drawn = BY_ID[client].said, rng.random()
            text = f"{said} paid {amount:,.2f} {owed.currency} on invoice {number}"
            if amount == owed.open and drawn < 0.3:
                text = (
                    f"Invoice {number} was paid yesterday" if drawn < 0.15 else f"{said} hat Rechnung {number} bezahlt"
                )
            await self._submit(text, name)

        return act

    # -- small things

    def _open(self) -> None:
        """As a process does that starts now."""
        from agentos.workspace.load import load_workspace
        from graphs.opening import build_systems, open_platform

        if hasattr(self, "platform"):
            self.platform.store.close()
        systems: dict[str, System] = {
            name: Unreliable(system, self.clock, self._mishaps)
            for name, system in build_systems(load_workspace(self.root), self.clock).items()
        }
        self.platform = open_platform(self.root, clock=self.clock, environ={}, models=self.models, systems=systems)
        self.desk = Desk(self.platform.store, clock=self.clock, make_id=self._make_id)

    def _rng(self, *what: object) -> Random:
        return Random("/".join(map(str, (self.seed, *what))))  # noqa: S311

    def _note(self, what: str) -> None:
        self.story.append(f"{self.clock.at.astimezone(ZONE):%Y-%m-%d %H:%M} {what}")
