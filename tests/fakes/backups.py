"""Keys locked without scrypt's second of work, and a child that is killed at the nth step on its way to the disk."""

from __future__ import annotations

import base64
import os
import signal
import traceback
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import orjson

STEPS = ("fsync", "rename", "replace", "link", "unlink", "rmdir")
"""What a program's traces on a disk are made of."""


def plain_lock(keys: Mapping[str, bytes]) -> bytes:
    return orjson.dumps({name: base64.b64encode(key).decode() for name, key in keys.items()})


def plain_unlock(backup: Path) -> dict[str, bytes]:
    named = orjson.loads((backup / "keys" / "keys.age").read_bytes())
    return {name: base64.b64decode(key) for name, key in named.items()}


def steps_of(call: Callable[[], Any]) -> int:
    """How many steps it takes, in a child of its own."""
    reading, writing = os.pipe()
    child = _fork()
    if child == 0:
        count = _counting(call, None)
        os.write(writing, str(count).encode())
        os._exit(0)
    os.close(writing)
    told = os.read(reading, 32)
    os.close(reading)
    os.waitpid(child, 0)
    assert told, "it failed"
    return int(told)


def killed_at(step: int, call: Callable[[], Any]) -> bool:
    """Run it in a child that gets SIGKILL right before this step. False when it came to its end first."""
    child = _fork()
    if child == 0:
        _counting(call, step)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL


def _fork() -> int:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of threads: what pytest's own are at does not matter here
        return os.fork()


def _counting(call: Callable[[], Any], kill_at: int | None) -> int:
    count = 0

    def counted(real: Callable[..., Any]) -> Callable[..., Any]:
        def step(*arguments: Any, **options: Any) -> Any:
            nonlocal count
            count += 1
            if count == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*arguments, **options)

        return step

    for name in STEPS:
        setattr(os, name, counted(getattr(os, name)))
    try:
        call()
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    return count
