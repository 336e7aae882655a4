"""The log itself: in one order, each thing once, and what was written."""

from __future__ import annotations

from collections.abc import Iterator

from agentos.invariants.registry import over_all
from agentos.platform import Store


@over_all("log.whole")
def whole(store: Store) -> Iterator[tuple[int | None, str]]:
    """The log is what was written: gap-free, its chain of hashes intact, as witnessed outside, its database sound."""
    from agentos.events.verify import verify
    from agentos.events.witness import rewinds_of

    noted = store.witness.notes(rewinds_of(store.log))
    verdict = verify(store.log, None, noted)  # of blobs, `blob.kept` looks at those named
    if not verdict.ok:
        yield verdict.first_bad, verdict.why


@over_all("log.keys")
def keys(store: Store) -> Iterator[tuple[int | None, str]]:
    """No two events have one key or one id: what is recorded is recorded once."""
    for column in ("id", "key"):
        for seq, value in store.log.twice(column):
            yield seq, f"{column} {value} stands twice"
