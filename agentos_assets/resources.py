"""The workspace as a Dagster resource: found when an op or a sensor opens it, never when definitions are loaded."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg

if TYPE_CHECKING:
    from agentos.platform import Platform, Store


class PlatformResource(dg.ConfigurableResource):  # type: ignore[type-arg]  # dagster's own examples leave it open
    """`workspace`: a folder; empty means AGENTOS_WORKSPACE of the process that runs, as `agentos up` sets it.

    Raises WorkspaceError, with file and line, when there is no workspace or one of its files is wrong.
    """

    workspace: str = ""

    @property
    def root(self) -> Path:
        from agentos.workspace.find import find_workspace

        return find_workspace(Path(self.workspace) if self.workspace else None, os.environ, Path.cwd())

    @contextmanager
    def opened(self) -> Iterator["Platform"]:
        """Everything a worker needs; the log's writer is closed at the end."""
        from graphs.opening import open_platform

        platform = open_platform(self.root)
        try:
            yield platform
        finally:
            platform.store.close()

    @contextmanager
    def store(self) -> Iterator["Store"]:
        """Only the durable part: for a sensor, which reads and must be quick. Raises Damaged beside a log that is known
        to be damaged, and StorageError where it can't be read."""
        from agentos.damage import refuse_known
        from agentos.platform import open_store

        refuse_known(self.root)

        store = open_store(self.root)
        try:
            yield store
        finally:
            store.close()
