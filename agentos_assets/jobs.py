"""The job `advance_tasks`: one op for all tasks, since mapped ops run one after another in the in-process executor."""

import dagster as dg
from pydantic import Field

from agentos_assets.operating import operating
from agentos_assets.resources import PlatformResource


class AdvanceConfig(dg.Config):
    tasks: list[str] = Field(default=[], description="Ids of tasks to look at besides all that can go on.")
    linger_seconds: float = Field(
        default=3.0, ge=0, le=3600, description="How long to wait for more when nothing is left to do."
    )
    at_once: int = Field(default=8, ge=1, le=64, description="How many tasks are worked on side by side.")


@dg.op(
    name="advance",
    description="Takes every task that can go on as far as it goes: to its end, or to where it must wait.",
)
def advance_op(context: dg.OpExecutionContext, config: AdvanceConfig, platform: PlatformResource) -> None:
    """Runs its own event loop: Dagster leaves an async op's loop as it stands when a run is terminated, and the process
    would stay with the leases of its tasks. `asyncio.run` cancels what is in flight and frees them."""
    import asyncio

    from agentos.platform import Stopped
    from agentos_assets.crew import advance_ready
    from agentos_assets.reporting import Report

    report = Report(context)
    with platform.opened() as opened:
        work = advance_ready(opened, config.tasks, linger=config.linger_seconds, at_once=config.at_once, report=report)
        try:
            asyncio.run(work)
        except Stopped as stopped:
            context.log.warning(f"{stopped} Nothing was begun.")
    report.close()


@dg.job(
    executor_def=dg.in_process_executor,
    description="Advances tasks; a slow one doesn't hold up the others.",
    metadata=operating(
        outcome="What was asked for is worked on until it is done or must wait for somebody.",
        failure_modes=(
            "The platform is stopped: the run succeeds, says so, and begins nothing.",
            "A task meets a fault of the program: the others have their turn, then the run fails and says where.",
            "The run is ended or killed: what was recorded stands, and the next run goes on from there.",
        ),
        unwound="What a task did outside is undone with `agentos undo`; a run itself leaves nothing to unwind.",
        act="Start it again at any time: nothing is done twice. `agentos show` says where a task stands and why.",
    ),
)
def advance_tasks() -> None:
    advance_op()
