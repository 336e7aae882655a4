"""What can be taken back: the last action, a task's, or one effect with what rests on it."""

from __future__ import annotations

from collections.abc import Sequence

from agentos.tasks.finder import Finder, NotFound
from agentos.tasks.items import is_undone, receipt_of, started_of
from agentos.tasks.resting import resting
from agentos.tasks.state import TaskState


class Undoable(Finder):
    """Which effects stand, newest first. Undoing them is `Desk.undo`."""

    def going_on(self, keys: Sequence[str]) -> list[TaskState]:
        """The tasks of these effects that are not closed: undoing cancels them."""
        starts = [record for key in keys if (record := started_of(self.store.log, key)) is not None]
        tasks = dict.fromkeys(record.stream.removeprefix("task/") for record in starts)
        return [state for task in tasks if not (state := self.load(task)).closed]

    def undoable(self, name: str | None) -> list[str]:
        """Effect keys, newest first: the last action's (None), a task's, or the one named. Raises NotFound.

        The last action of a task that still goes on is not taken back alone: all of the task's are, since it is
        cancelled by that and would otherwise be left half done.
        """
        log = self.store.log
        if name is None:
            newest = [r for r in log.read(types=("effect.done", "effect.found")) if not r.forgotten]
            keys = [r.data["effect"] for r in reversed(newest)]
            keys = [key for key in keys if self._stands(key)][:1]
            if unfinished := self.going_on(keys):
                keys = self._standing(unfinished[0])
        elif "/" in name and started_of(log, name) is not None:
            keys = [name] if self._stands(name) else []
        else:
            keys = self._standing(self.task(name))
        if not keys:
            raise NotFound(
                "There is nothing to undo.", hint="`agentos show TASK` tells what was done and what was undone."
            )
        return keys

    def _standing(self, state: TaskState) -> list[str]:
        effects = sorted(state.effects.values(), key=lambda effect: effect.seq, reverse=True)
        return [effect.key for effect in effects if self._stands(effect.key)]

    def resting_on(self, key: str) -> list[str]:
        """Effects of the same task that were done after `key` because they rest on it and still stand; newest first."""
        started = started_of(self.store.log, key)
        if started is None or started.forgotten:
            return []
        effects = sorted(self.load(started.stream.removeprefix("task/")).effects.values(), key=lambda e: e.seq)
        step = [e for e in effects if e.data["step"] == started.data["step"]]
        slots = {started.data["slot"], *resting([e.data for e in step], [started.data["slot"]])}
        later = [e.key for e in step if e.data["slot"] in slots and e.key != key]
        return [one for one in reversed(later) if self._stands(one)]

    def _stands(self, key: str) -> bool:
        log = self.store.log
        return not key.endswith("/undo") and receipt_of(log, key) is not None and not is_undone(log, key)
