"""Runs of `advance_tasks` that the code server starts itself: neither page nor daemon stands between log and run."""

from __future__ import annotations

import os
import sys
from typing import Any, cast

import dagster as dg
from dagster._core.code_pointer import ModuleCodePointer
from dagster._core.definitions.reconstruct import ReconstructableRepository
from dagster._core.remote_origin import GrpcServerCodeLocationOrigin, RemoteRepositoryOrigin
from dagster._core.remote_representation.code_location import GrpcServerCodeLocation

from agentos_assets.home import LOCATION, MODULE
from agentos_assets.ready import Ready, run_config, run_tags

JOB = "advance_tasks"


class Launcher:
    """Stands for Dagster's workspace with one location in it, the code server of this very process."""

    def __init__(self, instance: dg.DagsterInstance, socket: str) -> None:
        self._instance = instance
        self._origin = GrpcServerCodeLocationOrigin(host="localhost", socket=socket, location_name=LOCATION)
        self._location: GrpcServerCodeLocation | None = None
        repository = ReconstructableRepository(
            ModuleCodePointer(MODULE, "defs", os.getcwd()),
            executable_path=sys.executable,
            entry_point=[sys.executable, "-m", "dagster"],
            container_context={},
        )
        self._job = repository.get_reconstructable_job(JOB)
        self._definition: dg.JobDefinition | None = None

    def __call__(self, ready: list[Ready]) -> None:
        """Returns once the run's process has begun."""
        if self._definition is None:
            self._definition = self._job.get_definition()
        repository = RemoteRepositoryOrigin(self._origin, "__repository__")
        run = self._instance.create_run_for_job(
            self._definition,
            run_config=run_config(ready),
            tags=run_tags(ready),
            remote_job_origin=repository.get_job_origin(JOB),
            job_code_origin=self._job.get_python_origin(),
        )
        self._instance.launch_run(run.run_id, cast(Any, self))

    def get_code_location(self, name: str) -> GrpcServerCodeLocation:
        """What Dagster's launcher asks a workspace for."""
        if self._location is None:
            self._location = GrpcServerCodeLocation(self._origin, self._instance)
        return self._location
