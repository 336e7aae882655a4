"""A drift that came back after a repair is told to the operator, once, and not repaired by itself again."""

from __future__ import annotations

from agentos.events.record import NewEvent
from agentos.events.types import ApprovalRequested
from agentos.ids import uuid7
from agentos.platform import Platform
from agentos.reconcile.closing import KEEP
from agentos.reconcile.drift import Drift
from agentos.tasks.run import stream_of

SEEN = "seen"
_BEFORE = {
    "repaired": "It was repaired before, and something undid that: nothing is repaired by itself twice.",
    "failed": "Its repair came to nothing: nothing is repaired by itself twice.",
    "gone": "It was gone for a while, and a repair had been asked about: it is not asked about twice.",
    "mended": "You had mended it, and it differs again or still: it is not asked about twice.",
}


def key_of(task: str, fingerprint: str) -> str:
    return f"approval.requested/{task}/{fingerprint}/notice"


def notice(platform: Platform, drift: Drift, task: str, subject: str | None, how: str) -> list[NewEvent]:
    """A card on the task of the repair that did not hold; nothing where the operator was told before."""
    key = key_of(task, drift.fingerprint)
    if platform.log.by_key(key) is not None:
        return []
    text = _BEFORE.get(how, _BEFORE["repaired"])
    fact = ApprovalRequested(
        card=uuid7(int(platform.clock.now().timestamp() * 1000)),
        kind="failure",
        step="repair",
        title=drift.words,
        reasons=[{"code": "drift.again", "text": text, "about": drift.fingerprint}],
        question={"slot": "notice", "text": drift.words, "choices": [SEEN, KEEP]},
        body={"notice": True, "drift": drift.fingerprint, "spent": []},
    )
    return [fact.on(stream_of(task), key=key, actor="reconcile", subject=subject)]
