"""What a simulated history holds, counted from its log."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import Any

from agentos.platform import Store
from agentos.tasks.invoices import invoices

_COUNTED = {
    "approval.granted": "approved", "approval.denied": "denied", "approval.edited": "edited",
    "approval.answered": "answered", "approval.expired": "expired", "effect.failed": "failures outside",
    "effect.in_doubt": "doubts",
}  # fmt: skip


def summary(store: Store) -> dict[str, Any]:
    """Counts and sums over the whole log; amounts are texts by currency."""
    log = store.log
    seq, hash = log.head()
    opened = sum(1 for _ in log.read(types=("task.opened",)))
    ends = Counter(
        r.type.removeprefix("task.") for r in log.read(types=("task.completed", "task.failed", "task.cancelled"))
    )
    said = Counter(_COUNTED[r.type] for r in log.read(types=tuple(_COUNTED)))
    undone = sum(1 for r in log.read(types=("effect.done", "effect.found")) if r.data["effect"].endswith("/undo"))
    costs: dict[str, Decimal] = {}
    for record in log.read(types=("model.settled",)):
        if cost := record.data["cost"]:
            costs[cost["currency"]] = costs.get(cost["currency"], Decimal(0)) + Decimal(cost["amount"])
    issued = list(invoices(log).values())
    standing = [one for one in issued if not one.cancelled]
    return {
        "events": seq, "hash": hash.hex(),
        "tasks": {"opened": opened, **ends, "unfinished": opened - sum(ends.values())},
        "answers": dict(said), "effects_undone": undone,
        "invoices": {
            "issued": len(issued), "cancelled": len(issued) - len(standing),
            "payments": sum(o.payments for o in issued),
            "paid": sum(o.open <= 0 for o in standing), "in_part": sum(0 < o.paid < o.gross for o in standing),
            "gross": str(sum((o.gross for o in standing), Decimal(0))),
            "open": str(sum((o.open for o in standing), Decimal(0))),
        },
        "models": {currency: str(amount) for currency, amount in costs.items()},
    }  # fmt: skip
