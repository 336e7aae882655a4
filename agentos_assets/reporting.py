"""What a run tells Dagster about the tasks it has advanced."""

import dagster as dg

from agentos.ids import short
from agentos.tasks.state import TaskState
from agentos_assets.crew import Outcome
from agentos_assets.task_asset import TASKS, materialisation, partition_of


class Report:
    """Called for each outcome as it comes; `close()` raises Failure when a task crashed, once all had their turn."""

    def __init__(self, context: dg.OpExecutionContext) -> None:
        self._context = context
        self._crashed: list[str] = []

    def __call__(self, outcome: Outcome) -> None:
        name, log = short(outcome.task), self._context.log
        advanced = outcome.advanced
        if advanced is None:
            self._crashed.append(name)
            log.error(
                f"Task {name} met a fault of the program: {outcome.crashed}. It stays open; its record is in the log."
            )
        elif advanced.busy:
            log.info(f"Task {name} is being advanced by another worker.")
        elif advanced.state.opened_at is None:
            log.warning(f"There is no task {outcome.task!r}.")
        else:
            if advanced.stopped:
                log.warning(f"Task {name} was left as it is. {advanced.stopped}")
            self._show(advanced.state)

    def _show(self, state: TaskState) -> None:
        self._context.log.info(f"Task {short(state.id)} is {state.status}.")
        self._context.instance.add_dynamic_partitions(str(TASKS.name), [partition_of(state.id)])
        self._context.log_event(materialisation(state))

    def close(self) -> None:
        if self._crashed:
            raise dg.Failure(f"A fault of the program met {len(self._crashed)} task(s): {', '.join(self._crashed)}.")
