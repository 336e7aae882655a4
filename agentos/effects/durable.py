"""Files that survive a kill: written aside, synced, renamed into place; and one writer at a time between processes."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agentos.errors import Permanent, Transient
from agentos.secrets.keyring import make_folder, sync_folder


def write_file(path: Path, data: bytes) -> None:
    """Replace `path` by `data` as one step: after a crash either the old or the new bytes stand there, whole.

    The folder is made when it is missing. The caller holds its lock: two writers would share the file aside.
    """
    make_folder(path.parent)
    aside = path.with_name(f".{path.name}.part")
    with aside.open("wb") as out:
        out.write(data)
        out.flush()
        os.fsync(out.fileno())
    aside.replace(path)
    sync_folder(path.parent)


@contextmanager
def only_writer(folder: Path) -> Iterator[None]:
    """Hold `folder`/.lock; waits for other processes and threads. The system releases it when the holder dies."""
    make_folder(folder)
    with (folder / ".lock").open("a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


@contextmanager
def explained(what: str) -> Iterator[None]:
    """Turn a failing disk into an error a person can act on: no space may pass, no permission will not."""
    try:
        yield
    except PermissionError as error:
        raise Permanent(
            f"{what} could not be written: no permission for {error.filename}.",
            hint="Make the folder writable and try again.",
            code="files.read_only",
        ) from error
    except OSError as error:
        raise Transient(
            f"{what} could not be written: {error.strerror}.",
            hint="Free some disk space or mend the disk; it is tried again.",
            code="files.failed",
        ) from error
