"""The one way to run a child process.

Three things must hold for every child: it keeps the leases of its parent (so that a task whose worker died stays taken
until its last child is gone), it sees no secret of the environment, and it can't outlive its timeout with a grandchild.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from agentos.errors import Outside, Permanent, Transient

_PASSED_ON = ("PATH", "HOME", "LANG")
_held: set[int] = set()
_guard = threading.Lock()


@dataclass(frozen=True)
class Completed:
    """What a child left behind. `raw` is standard output as bytes; the texts are UTF-8, with � for what is not."""

    code: int
    raw: bytes
    stdout: str
    stderr: str

    @property
    def ok(self) -> bool:
        return self.code == 0


def inherit(fd: int) -> None:
    """From now on every child gets this descriptor (a lease taken with flock lives as long as one of its holders)."""
    os.fstat(fd)
    with _guard:
        _held.add(fd)


def release(fd: int) -> None:
    """New children no longer get this descriptor. Those that run keep it. Call it before closing the descriptor."""
    with _guard:
        _held.discard(fd)


def held() -> tuple[int, ...]:
    """The descriptors that children get at present."""
    with _guard:
        return tuple(sorted(_held))


def run(
    argv: Sequence[str],
    *,
    cwd: Path,
    timeout: float,
    input: bytes | str | None = None,
    env: Mapping[str, str] | None = None,
    on_timeout: type[Outside] = Transient,
) -> Completed:
    """Run `argv` to its end; a non-zero exit is a result, not an error.

    Raises `on_timeout` after `timeout` seconds, once the whole process group is dead: Transient for a command that may
    be repeated, InDoubt for one that may have acted. Raises Permanent when the program is not installed.
    """
    environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ} | dict(env or {})
    program = _located(argv[0], environment.get("PATH"))
    data = input.encode() if isinstance(input, str) else input
    # The guard is held over the fork: a lease released in between would name a closed descriptor, or another's.
    with _guard:
        child = subprocess.Popen(
            [program, *argv[1:]],
            cwd=cwd,
            env=environment,
            stdin=subprocess.DEVNULL if data is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=tuple(_held),
            start_new_session=True,
        )
    with child:
        try:
            out, err = child.communicate(data, timeout=timeout)
        except subprocess.TimeoutExpired:
            _kill_group(child)
            what = " ".join([Path(argv[0]).name, *argv[1:2]])
            raise on_timeout(f"{what} did not end within {timeout:g} seconds and was stopped.") from None
        except BaseException:
            _kill_group(child)
            raise
    return Completed(child.returncode, out, out.decode("utf-8", "replace"), err.decode("utf-8", "replace"))


def _located(program: str, path: str | None) -> str:
    found = shutil.which(program, path=path)
    if found is None:
        name = Path(program).name
        raise Permanent(f"{name} is not installed.", hint=f"Install {name} and try again.", code="process.missing")
    return found


def _kill_group(child: subprocess.Popen[bytes]) -> None:
    """The child leads its own session, so its pid is the group's id, and stays so until it is reaped here."""
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    finally:
        # Without this a pipe that a killed child never read would block the closing of ours.
        for pipe in (child.stdin, child.stdout, child.stderr):
            if pipe is not None:
                try:
                    pipe.close()
                except BrokenPipeError:
                    continue
        child.wait()
