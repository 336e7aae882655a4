"""What the fork server imports later, since it takes seconds and only checks of views need it: a run that is asked for
as soon as the platform is up need not wait for it.

The fork server is told by a process that it has forked, which alone knows who its parent is.
"""

from __future__ import annotations

import contextlib
import os
import signal
from importlib import import_module
from multiprocessing.connection import Connection
from types import FrameType

MODULES = ("great_expectations",)
SIGNAL = signal.SIGUSR1
server = 0
"""The fork server's process, as those that it forks know it."""


def import_it(signum: int, frame: FrameType | None) -> None:
    """In the fork server, between two forks; what can't be imported is missed by the run that needs it."""
    for name in MODULES:
        with contextlib.suppress(Exception):  # whatever a broken library raises would end the fork server
            import_module(name)


def tell_parent(line: Connection) -> None:
    """In a process of the fork server: has it import the rest, and says who it is; neither where it has died, since
    whoever takes its orphans asked for nothing."""
    with line:
        if os.getppid() == server:
            os.kill(server, SIGNAL)
            line.send(server)
