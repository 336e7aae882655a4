"""What a parked task waits for, in words: nobody who looks at the page knows the kinds of a `task.parked`."""

from __future__ import annotations

from types import MappingProxyType

WAITS = MappingProxyType(
    {
        "approval": "your approval",
        "question": "an answer of yours",
        "doubt": "your word whether it happened",
        "failure": "your decision after a failure",
        "budget": "a higher budget",
        "backoff": "its next try",
        "until": "its hour",
        "stopped": "the end of the stop",
    }
)
"""By kind; each goes on from "waits for"."""
FORGOTTEN = "what nobody can read any more: its client is forgotten"


def wait(kind: str) -> str:
    return WAITS.get(kind, kind)
