"""Who is there to take up what can go on: a run that lingers, and the one that starts runs at once.

Each holds a lease like a task's, so it ends with its process. It promises nothing: two runs side by side are harmless,
since a task's own lease decides who advances it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from agentos.tasks.lease import Lease, Taken, is_taken

CREW, STARTER = "crew", "starter"
"""No task is called so: their ids are UUIDs."""


@contextmanager
def attending(leases: Path, name: str) -> Iterator[None]:
    """Be the one that is there, or work beside the one that is."""
    with ExitStack() as stack:
        try:
            stack.enter_context(Lease(leases, name))
        except Taken:
            pass
        else:
            os.utime(leases / name)
        yield


def attended_for(leases: Path, name: str) -> float | None:
    """Seconds since the one that is there came; None when there is none."""
    if not is_taken(leases, name):
        return None
    return max(0.0, time.time() - (leases / name).stat().st_mtime)
