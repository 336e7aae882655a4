"""What would make the outside agree again with the log."""

from __future__ import annotations

from typing import Any

from agentos.effects.port import Deed
from agentos.errors import Permanent
from agentos.platform import Platform
from agentos.reconcile.standing import deed_of
from agentos.reconcile.state import DriftState, fold, stream_of
from agentos.tasks.items import started_of


def mending(platform: Platform, fingerprint: str) -> dict[str, Any]:
    """{kind, words, proposal}; no proposal where only the operator can mend it. Raises Permanent where nothing is known
    of it any more."""
    state = fold(platform.log.read(stream=stream_of(fingerprint))).known.get(fingerprint)
    if state is None or state.forgotten:
        raise Permanent("Nothing is known of this difference any more.", code="drift.unknown")
    data = state.data
    proposal = platform.systems[data["system"]].repair(data["kind"], data["ref"], _deed(platform, state))
    return {
        "kind": data["kind"], "words": data["words"], "system": data["system"],
        "proposal": proposal.model_dump(mode="json") if proposal is not None else None,
    }  # fmt: skip


def _deed(platform: Platform, state: DriftState) -> Deed | None:
    key = state.data.get("effect")
    started = started_of(platform.log, key) if key else None
    receipt = platform.log.by_key(f"effect.done/{key}")
    return deed_of(platform, started, receipt) if started is not None and receipt is not None else None
