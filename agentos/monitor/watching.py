"""`watch`: one look at the views, and what it changes in the record."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from agentos.monitor.changes import Changes, Moved
from agentos.monitor.findings import VIEWS, Finding, find
from agentos.monitor.thresholds import load_thresholds
from agentos.platform import refuse_if_stopped

if TYPE_CHECKING:
    from agentos.platform import Platform

MOST_LOOKS = 5


@dataclass(frozen=True)
class Seen:
    """opened: just now, by `task`. told: by an earlier task, whatever she did about it. waits: behind another card.
    over: it is no more; `finding` is None then."""

    fingerprint: str
    status: Literal["opened", "told", "waits", "over"]
    finding: Finding | None
    task: str | None = None

    def as_json(self) -> dict[str, Any]:
        about = self.finding.as_json() | {"severity": self.finding.severity} if self.finding is not None else {}
        return {"fingerprint": self.fingerprint, "status": self.status, "task": self.task, **about}


def watch(platform: Platform) -> list[Seen]:
    """Look once; open a task for what is new, close what is over. Advancing is the caller's, or `agentos up`'s.

    Raises Stopped, and WorkspaceError when monitor.toml is wrong.
    """
    from agentos.views.read import read_view
    from agentos.views.refresh import refresh
    from agentos.views.view import Moment
    from agentos.workspace.zone import zone_of

    refuse_if_stopped(platform.log, platform.store.stop_file)
    limits = load_thresholds(platform.workspace.root)
    for left in reversed(range(MOST_LOOKS)):
        now = platform.clock.now()
        published = refresh(platform.store, VIEWS, now=now)
        frames = {name: read_view(platform.store.root, name) for name in VIEWS}
        found = find(frames, limits, Moment(now, zone_of(platform.store.root)))
        changes = Changes(found, min(one.seq for one in published.values()), now, limits.most_open)
        try:
            platform.log.append(changes.decide)
        except Moved:
            if not left:
                raise
            continue
        break
    return _seen(found, changes)


def _seen(found: list[Finding], changes: Changes) -> list[Seen]:
    seen = []
    for one in found:
        mark = one.fingerprint
        if mark in changes.opened:
            seen.append(Seen(mark, "opened", one, changes.opened[mark]))
        else:
            seen.append(
                Seen(mark, "told", one, changes.known[mark]) if mark in changes.known else Seen(mark, "waits", one)
            )
    return [*seen, *(Seen(mark, "over", None) for mark in changes.over)]
