"""Finding a task or a card by what the operator calls it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from agentos.clock import Clock, SystemClock
from agentos.errors import AgentOSError
from agentos.events.record import Record
from agentos.ids import uuid7
from agentos.platform import Store
from agentos.tasks.run import stream_of
from agentos.tasks.state import CardState, TaskState, fold


class NotFound(AgentOSError):
    code = "not_found"


@dataclass(frozen=True)
class Finder:
    """`via` is how the operator spoke: "terminal", "desk", "demo".

    `make_id` makes intents' and tasks' ids, from milliseconds since 1970: seeded, a simulation is the same each time.
    """

    store: Store
    via: str = "terminal"
    clock: Clock = field(default_factory=SystemClock)
    make_id: Callable[[int], str] = uuid7

    def task(self, name: str) -> TaskState:
        """By id, or by any unique end or beginning of it."""
        record = self._named("task.opened", "task", name, "task", "`agentos status` lists them.")
        return self.load(record.data["task"])

    def load(self, task: str) -> TaskState:
        return fold(task, self.store.log.read(stream=stream_of(task)))

    def card(self, name: str) -> tuple[TaskState, CardState]:
        record = self._named("approval.requested", "card", name, "card", "`agentos desk` lists what waits.")
        state = self.load(record.stream.removeprefix("task/"))
        return state, state.cards[record.data["card"]]

    def _named(self, type: str, field: str, name: str, what: str, hint: str) -> Record:
        wanted = name.strip().lower().replace("-", "")
        found = {}
        for record in self.store.log.read(types=(type,)) if len(wanted) >= 4 else ():
            id = str(record.data.get(field, "")).replace("-", "")
            if id and (id.endswith(wanted) or id.startswith(wanted)):
                found[id] = record
        if len(found) != 1:
            raise NotFound(f"There is {'no' if not found else 'more than one'} {what} {name!r}.", hint=hint)
        return next(iter(found.values()))

    def _new_id(self) -> str:
        return self.make_id(int(self.clock.now().timestamp() * 1000))
