"""Epochs: a restore rewinds the log, and what follows is another history under the same numbers."""

from __future__ import annotations

from agentos.events.log import Reader
from agentos.events.record import Record


def epoch_of(reader: Reader) -> str:
    """The epoch the log is in: that of the last restore, "" before the first one. Cursors hold (epoch, seq, hash)."""
    last = reader.last(stream="platform", types=("platform.restored",))
    return str(last.data["epoch"]) if last is not None else ""


def unobserved(reader: Reader) -> Record | None:
    """The restore after which nobody has looked at the outside world yet; None when there is none."""
    last = reader.last(stream="platform", types=("platform.restored", "platform.started"))
    return last if last is not None and last.type == "platform.restored" else None
