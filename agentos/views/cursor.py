"""Up to where a published view has read, kept in the metadata of its file: it and the rows are one rename."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import orjson
import polars as pl

from agentos.ids import digest
from agentos.views.typed import FINGERPRINT

if TYPE_CHECKING:
    from agentos.platform import Store
    from agentos.views.view import View

KEY = "agentos"


@dataclass(frozen=True)
class Cursor:
    """The last event that the view knows: epoch, seq and hash. `made_by` says how it was made: another program's view
    is made again. `clients`: whose key was there; when one is gone or back, what the view says is another. `day`: the
    local day it was made on, where that matters."""

    view: str
    made_by: str
    epoch: str
    seq: int
    hash: str
    rows: int = 0
    clients: Mapping[str, bool] = field(default_factory=dict)
    day: str = ""

    def as_metadata(self) -> dict[str, str]:
        return {KEY: orjson.dumps(asdict(self)).decode()}

    def holds(self, store: Store, epoch: str) -> bool:
        """Whether what it has read is still the beginning of the log, read with the same keys."""
        if self.epoch != epoch:
            return False
        if any((store.sealer.keys.get(client) is not None) != known for client, known in self.clients.items()):
            return False
        if self.seq == 0:
            return True
        at = next(store.log.read(after=self.seq - 1, limit=1), None)
        return at is not None and (at.seq, at.hash.hex()) == (self.seq, self.hash)


def cursor_of(path: Path) -> Cursor | None:
    """None where there is no such file, or it can't be read."""
    try:
        return Cursor(**orjson.loads(pl.read_parquet_metadata(path)[KEY]))
    except (OSError, KeyError, ValueError, TypeError, pl.exceptions.PolarsError):
        return None


def made_by(view: View) -> str:
    """Changes with whatever makes the same events say something else."""
    fold = (view.fold.key, view.fold.types, sorted(view.fold.rules.items())) if view.fold else ()
    shape = (view.version, view.key, [(name, str(one.dtype)) for name, one in view.columns.items()], view.depends)
    return digest(repr((FINGERPRINT, fold, shape)).encode())[:16]
