"""Files of views and history: private, whole or not there, one writer at a time."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agentos.secrets.keyring import make_folder, sync_folder


def publish(path: Path, data: bytes) -> None:
    """Replace `path` by `data` as one step, durable; readable by its owner only. The caller is the only writer."""
    aside = path.with_name(f".{path.name}.part")
    aside.unlink(missing_ok=True)  # a killed writer's may be there
    handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(aside, path)
    sync_folder(path.parent)


@contextmanager
def only_writer(folder: Path) -> Iterator[None]:
    """Waits for other writers of this folder; the system lets go when the holder dies. Readers never ask for it."""
    make_folder(folder, 0o700)
    handle = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
