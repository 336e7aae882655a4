"""Outlives a supervisor that was killed, to stop what it had started; run as a script by `agentos_assets.serving`.

Its standard input is a pipe that only the supervisor holds: `+123` and `-123` name process groups that began and ended,
and the end of the pipe means that the supervisor is gone. Standard library only, so that it starts at once.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterable

GRACE = 5.0
"""Seconds between asking and killing."""


def main() -> None:
    groups: set[int] = set()
    for line in sys.stdin:
        change, group = line[0], int(line[1:])
        (groups.add if change == "+" else groups.discard)(group)
    end(groups)


def end(groups: Iterable[int], reap: Callable[[], object] = lambda: None) -> None:
    """Ask every process of the groups to end, wait, then kill what is left.

    `reap` waits for the caller's own children that have ended: until then they count as members of their group.
    """
    left = {group for group in groups if send(group, signal.SIGTERM)}
    until = time.monotonic() + GRACE
    while left and time.monotonic() < until:
        time.sleep(0.05)
        reap()
        left = {group for group in left if send(group, 0)}
    for group in left:
        send(group, signal.SIGKILL)


def send(group: int, signum: int) -> bool:
    """False when the group has no process any more."""
    try:
        os.killpg(group, signum)
    except (ProcessLookupError, PermissionError):  # macOS says the latter of a group of zombies
        return False
    return True


if __name__ == "__main__":
    main()
