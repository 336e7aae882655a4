"""The code server itself: Dagster's, but for where run processes come from and for what a reload means."""

from __future__ import annotations

import asyncio
import inspect
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, cast

from dagster import DagsterInstance
from dagster._core.remote_representation.external_data import ScheduleExecutionErrorSnap, SensorExecutionErrorSnap
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._core.utils import FuturesAwareThreadPoolExecutor
from dagster._grpc.__generated__ import dagster_api_pb2
from dagster._grpc.server import DagsterApiServer, DagsterGrpcServer
from dagster._serdes import deserialize_value
from dagster._utils.log import configure_loggers

from agentos.workspace.pulse import beat, expect
from agentos_assets.children import MADE_WAY
from agentos_assets.code_server.heard import limits_of
from agentos_assets.code_server.lost import close_lost_runs, end_runs
from agentos_assets.code_server.processes import ForkedRuns
from agentos_assets.home import LOCATION
from agentos_assets.resources import PlatformResource

ATTRIBUTE = "_mp_ctx"
"""Dagster's one private name that is used here: what it makes run processes with."""
LOOK_AGAIN = 1.0
"""Seconds in which the page still reads the old definitions after it asked for new ones, so that it sees no error."""


class CodeServer(DagsterApiServer):
    def __init__(self, runs: ForkedRuns, root: Path, **settings: Any) -> None:
        super().__init__(**settings)
        self._mp_ctx = cast(Any, runs)
        self._runs, self._root = runs, root

    def ReloadCode(  # noqa: N802
        self, _request: dagster_api_pb2.ReloadCodeRequest, _context: object
    ) -> dagster_api_pb2.ReloadCodeReply:
        """New code needs new processes: the runs are ended as from the page, their tasks go on in the next run; this
        process ends, and the supervisor starts another."""
        self._logger.info("Definitions are loaded again: runs are ended, and the server with them.")
        threading.Thread(target=self._make_way, daemon=True).start()
        return dagster_api_pb2.ReloadCodeReply()

    def SyncExternalSensorExecution(self, request: Any, _context: Any) -> Any:  # noqa: N802
        reply = super().SyncExternalSensorExecution(request, _context)
        self._heard(request.serialized_external_sensor_execution_args, reply.serialized_sensor_result, "sensor_name")
        return reply

    def SyncExternalScheduleExecution(self, request: Any, _context: Any) -> Any:  # noqa: N802
        reply = super().SyncExternalScheduleExecution(request, _context)
        asked = request.serialized_external_schedule_execution_args
        self._heard(asked, reply.serialized_schedule_result, "schedule_name")
        return reply

    def _heard(self, asked: str, answered: str, field: str) -> None:
        """A tick that ended in an error is no sign of life."""
        if not isinstance(deserialize_value(answered), SensorExecutionErrorSnap | ScheduleExecutionErrorSnap):
            beat(self._root, str(getattr(deserialize_value(asked), field)))

    def _make_way(self) -> None:
        self._runs.end()
        with DagsterInstance.get() as instance:
            end_runs(instance)
        time.sleep(LOOK_AGAIN)
        os._exit(MADE_WAY)  # what is left of it is ended with its group by the supervisor


def unsupported() -> str:
    """Why this Dagster can't be given other run processes; "" where it can."""
    if ATTRIBUTE not in inspect.unwrap(DagsterApiServer.StartRun).__code__.co_names:
        from dagster import __version__

        return f"Dagster {__version__} starts its runs in a way that AgentOS does not know"
    return ""


def serve(socket: str, module: str, runs: ForkedRuns) -> None:
    """Until SIGTERM or a reload."""
    configure_loggers(formatter="colored", log_level="INFO")
    logger = logging.getLogger("dagster.code_server")
    with DagsterInstance.get() as instance:
        close_lost_runs(instance, socket)
    ending, workers = threading.Event(), FuturesAwareThreadPoolExecutor()
    origin = LoadableTargetOrigin(executable_path=sys.executable, module_name=module, working_directory=os.getcwd())
    root = PlatformResource().root
    servicer = CodeServer(
        runs,
        root,
        server_termination_event=ending,
        logger=logger,
        loadable_target_origin=origin,
        entry_point=[sys.executable, "-m", "dagster"],
        location_name=LOCATION,
        server_threadpool_executor=workers,
    )
    server, stopping = DagsterGrpcServer(ending, servicer, logger, workers, socket=socket), _told_to_stop(runs)
    expect(root, limits_of(module))
    threading.Thread(target=runs.keep_warm, daemon=True).start()
    threading.Thread(target=start_runs, args=(socket, logger, stopping), daemon=True).start()
    try:
        server.serve()  # type: ignore[no-untyped-call]
    except KeyboardInterrupt:
        logger.info("The code server was told to end.")
    if os.getpgrp() == os.getpid():  # a fork server that began at the same moment imports for seconds, and heeds this
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        os.killpg(0, signal.SIGTERM)


def _told_to_stop(runs: ForkedRuns) -> threading.Event:
    """Set as soon as a signal comes: while runs come to their end nothing is started any more."""
    stopping = threading.Event()

    def stop(signum: int, frame: FrameType | None) -> None:
        listen(signal.SIG_IGN)  # a second signal would wait for the lock of the event that is being set
        stopping.set()
        runs.end()
        listen(again)
        raise KeyboardInterrupt

    def again(signum: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    def listen(how: Callable[[int, FrameType | None], None] | signal.Handlers) -> None:
        for one in (signal.SIGINT, signal.SIGTERM):
            signal.signal(one, how)

    listen(stop)
    return stopping


def start_runs(socket: str, logger: logging.Logger, ending: threading.Event) -> None:
    """For as long as the server serves: a run begins when the log says that a task can go on."""
    from agentos.clock import SystemClock
    from agentos_assets.code_server.launching import Launcher
    from agentos_assets.starting import Starter

    with DagsterInstance.get() as instance, PlatformResource().store() as store:
        starter = Starter(store, Launcher(instance, socket), SystemClock(), logger)
        asyncio.run(starter.watch(ending))
