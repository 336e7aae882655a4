"""Outlives a supervisor that was killed, to stop what it had started; run as a script by `agentos_assets.serving`.

Its standard input is a pipe that only the supervisor holds: `+123` and `-123` name process groups that began and ended,
and the end of the pipe means that the supervisor is gone. Standard library only, so that it starts at once.
"""

from __future__ import annotations

import glob
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable

GRACE = 8.0
"""Seconds between asking and killing."""


def main() -> None:
    groups: set[int] = set()
    for line in sys.stdin:
        change, group = line[0], int(line[1:])
        (groups.add if change == "+" else groups.discard)(group)
    end(groups)


def end(groups: Iterable[int], reap: Callable[[], object] = lambda: None) -> set[int]:
    """Ask every process of the groups to end, wait, then kill what is left; returns the groups that had to be killed.

    `reap` waits for the caller's own children that have ended: until then they count as members of their group.
    """
    left = {group for group in groups if send(group, signal.SIGTERM)}
    until = time.monotonic() + GRACE
    while left and time.monotonic() < until:
        time.sleep(0.1)
        reap()
        left = {group for group in left if lives(group)}
    return {group for group in left if send(group, signal.SIGKILL)}


def send(group: int, signum: int) -> bool:
    """False when the group has no process any more."""
    try:
        os.killpg(group, signum)
    except (ProcessLookupError, PermissionError):  # macOS says the latter of a group of zombies
        return False
    return True


def lives(group: int) -> bool:
    """Whether a process of the group still runs.

    Zombies count for `killpg`, and where nobody reaps orphans (a container without an init) they stay for ever: /proc
    tells them apart where there is one.
    """
    if not send(group, 0):
        return False
    found = False
    for stat in glob.iglob("/proc/[0-9]*/stat"):
        found = True
        try:
            with open(stat, encoding="utf-8", errors="replace") as file:
                state, _, its_group = file.read().rpartition(")")[2].split()[:3]
        except OSError:  # it has just ended
            continue
        if int(its_group) == group and state not in "ZX":
            return True
    return not found


if __name__ == "__main__":
    main()
