"""Counting what there is after a crash: in the log, and in the outside world itself, read without our own code."""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

from agentos.invariants.check import check
from agentos.platform import Store, open_store
from tests.crash.points import label

COUNTED = (
    "intent.received", "task.opened", "task.planned", "task.completed", "task.failed", "step.completed",
    "step.failed", "tool.called", "model.called", "approval.requested", "approval.granted", "approval.superseded",
    "effect.started", "effect.done", "effect.found", "effect.failed", "effect.in_doubt", "number.assigned",
    "number.voided",
)  # fmt: skip


def tally(root: Path) -> dict[str, Any]:
    """Everything that must be there exactly once, whatever happened on the way. Equal for a killed and a clean run."""
    store = open_store(root)
    try:
        report = check(store)
        assert report.ok, report.violations
        return {"log": events(store), "numbers": numbers(store)} | world(root)
    finally:
        store.close()


def events(store: Store) -> dict[str, int]:
    """How often each kind of event stands. Of an effect it is the keys that count, not the tries (a try that was
    lost is no failure); and its receipt is the same whether it was done or found."""
    found: Counter[str] = Counter()
    seen = set()
    for record in store.log.read(types=COUNTED):
        name = label(record).replace("effect.found", "effect.done")  # type: ignore[arg-type]
        if record.type == "effect.failed" and record.data["kind"] == "transient":
            continue
        one = (name, record.data.get("effect", record.seq))
        found[name] += one not in seen
        seen.add(one)
    return dict(sorted(found.items()))


def numbers(store: Store) -> dict[str, list[int]]:
    """Series -> the numbers taken, in order."""
    taken: dict[str, list[int]] = {}
    for record in store.log.read(types=("number.assigned",)):
        taken.setdefault(record.data["series"], []).append(record.data["number"])
    return taken


def world(root: Path) -> dict[str, Any]:
    keys = git(root, "log", "--format=%(trailers:key=AgentOS-Key,valueonly)").split()
    books = "".join(path.read_text() for path in sorted((root / "books").glob("2*.beancount")))
    invoices = root / "books" / "invoices"
    return {
        "commits": sorted(map(slot, keys)),
        "posts": sorted(path.name for path in (root / "site" / "content" / "posts").glob("*.md")),
        "pages": sorted(path.name for path in (root / "site" / "public" / "posts").glob("*.html")),
        "untidy": git(root, "status", "--porcelain"),
        "documents": sorted(path.name for path in invoices.glob("[!.]*")),
        "bookings": sorted(map(slot, re.findall(r'^\s+key: "(.*)"', books, re.MULTILINE))),
        "mails": sorted(re.sub(r"-[0-9a-f]{16}\b", "", str(path.relative_to(root / "outbox"))) for path in
                        (root / "outbox").rglob("*.eml")),
    }  # fmt: skip


def slot(key: str) -> str:
    """A key without the task's id, which differs from run to run."""
    return re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}/", "", key)


def git(root: Path, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(root / "site"), *arguments], capture_output=True, text=True, check=True)
    return done.stdout.strip()
