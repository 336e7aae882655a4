"""The port of a page: free, and of no other `agentos up` that is about to listen on it."""

from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from agentos.errors import AgentOSError
from agentos_assets.home import own_folder

MOST_TRIED = 50


@contextmanager
def held_port(host: str, first: int) -> Iterator[int]:
    """The first port from `first` that can be listened on. The page does so only seconds later, so until this ends
    every other process that asks here passes it over; the system lets go when this one dies. Raises AgentOSError when
    fifty in a row are taken."""
    folder = own_folder("ports")
    for port in range(first, min(first + MOST_TRIED, 65_536)):
        held = _locked(folder / str(port))
        if held is None:
            continue
        try:
            if _is_free(host, port):
                yield port
                return
        finally:
            os.close(held)
    raise AgentOSError(f"No port from {first} on is free on {host}.", hint="agentos up --port N", code="up.port")


def free_port(host: str, first: int) -> int:
    """One that is free now, for who listens on it at once. Raises AgentOSError."""
    with held_port(host, first) as port:
        return port


def _locked(path: Path) -> int | None:
    """Its descriptor; None where another process holds it. The file stays: one that is made anew is another lock."""
    held = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(held)
        return None
    return held


def _is_free(host: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe, suppress(OSError):
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))
        return True
    return False
